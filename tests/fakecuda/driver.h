// libcuda.so.1 for tests: one device whose memory is the host's.
//
// Streams are threads that work off a queue, so that nothing is done before it must be; a forgotten
// wait shows. What a module holds is not looked at: functions are the project's kernels on the CPU,
// and those of others do nothing. Misuse that a real driver notices is an error here too: no
// current context, a stream of another context, a pointer to no allocation.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <set>
#include <thread>

#define API extern "C" __attribute__((visibility("default")))

typedef int CUresult;
typedef int CUdevice;
typedef uintptr_t CUdeviceptr;

enum {
    SUCCESS = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    INVALID_CONTEXT = 201,
    INVALID_HANDLE = 400,
    NOT_FOUND = 500,
    NOT_READY = 600,
    ILLEGAL_ADDRESS = 700,
    NOT_SUPPORTED = 801,
};

struct Context;

struct Stream {
    Context *context;
    bool blocking;
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::function<void()>> queue;
    bool busy = false, ending = false;
    std::thread worker;
};

struct Context {
    Stream *null_stream;
    std::set<Stream *> streams;
};

// Guards the contexts and what is allocated.
inline std::mutex state;

// What tests turn and count.
inline std::atomic<bool> lost{false};
inline std::atomic<long> allocations_left{-1};
inline std::atomic<long> delay_us{0};
inline std::atomic<unsigned long> uploads{0}, downloads{0}, launches{0}, allocations{0}, waits{0};

// The context of this thread, if it has one.
Context *current();

Stream *new_stream(Context *context, bool blocking);
CUresult enqueue(Stream *stream, std::function<void()> item);
void wait_for(Stream *stream);
// What a call without a stream waits for.
CUresult wait_for_blocking_streams();
// Lets it work off its queue, then destroys it.
void end(Stream *stream);
