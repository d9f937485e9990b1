// Streams, and the events that they wait for.
#include "driver.h"
#include <chrono>
#include <memory>
#include <vector>

namespace {

struct Reached {
    std::mutex mutex;
    std::condition_variable changed;
    uint64_t recorded = 0, reached = 0;
    std::chrono::steady_clock::time_point when;
};

// May be destroyed while streams still wait for it.
struct Event : std::shared_ptr<Reached> {};

void work(Stream *stream) {
    std::unique_lock<std::mutex> lock(stream->mutex);
    for (;;) {
        stream->changed.wait(lock, [&] { return stream->ending || !stream->queue.empty(); });
        if (stream->queue.empty()) return;
        auto item = std::move(stream->queue.front());
        stream->queue.pop_front();
        stream->busy = true;
        lock.unlock();
        if (long us = delay_us) std::this_thread::sleep_for(std::chrono::microseconds(us));
        item();
        lock.lock();
        stream->busy = false;
        stream->changed.notify_all();
    }
}

}  // namespace

Stream *new_stream(Context *context, bool blocking) {
    Stream *stream = new Stream;
    stream->context = context;
    stream->blocking = blocking;
    stream->worker = std::thread(work, stream);
    context->streams.insert(stream);
    return stream;
}

CUresult enqueue(Stream *stream, std::function<void()> item) {
    Context *context = current();
    if (!context) return INVALID_CONTEXT;
    if (lost) return ILLEGAL_ADDRESS;
    if (!stream) stream = context->null_stream;
    if (stream->context != context) return INVALID_HANDLE;
    std::lock_guard<std::mutex> lock(stream->mutex);
    stream->queue.push_back(std::move(item));
    stream->changed.notify_all();
    return SUCCESS;
}

void wait_for(Stream *stream) {
    std::unique_lock<std::mutex> lock(stream->mutex);
    stream->changed.wait(lock, [&] { return stream->queue.empty() && !stream->busy; });
}

void end(Stream *stream) {
    {
        std::lock_guard<std::mutex> lock(stream->mutex);
        stream->ending = true;
        stream->changed.notify_all();
    }
    stream->worker.join();
    delete stream;
}

CUresult wait_for_blocking_streams() {
    Context *context = current();
    if (!context) return INVALID_CONTEXT;
    if (lost) return ILLEGAL_ADDRESS;
    std::vector<Stream *> streams;
    {
        std::lock_guard<std::mutex> lock(state);
        for (Stream *stream : context->streams)
            if (stream->blocking) streams.push_back(stream);
    }
    for (Stream *stream : streams) wait_for(stream);
    return SUCCESS;
}

API CUresult cuStreamCreate(Stream **stream, unsigned flags) {
    if (!current()) return INVALID_CONTEXT;
    if (lost) return ILLEGAL_ADDRESS;
    std::lock_guard<std::mutex> lock(state);
    *stream = new_stream(current(), !(flags & 1));
    return SUCCESS;
}
API CUresult cuStreamDestroy_v2(Stream *stream) {
    {
        std::lock_guard<std::mutex> lock(state);
        stream->context->streams.erase(stream);
    }
    return end(stream), SUCCESS;
}
// The name that libgstcuda 1.22 looks for.
API CUresult cuStreamDestroy(Stream *stream) { return cuStreamDestroy_v2(stream); }
API CUresult cuStreamSynchronize(Stream *stream) {
    waits++;
    if (!current()) return INVALID_CONTEXT;
    wait_for(stream ? stream : current()->null_stream);
    return lost ? ILLEGAL_ADDRESS : SUCCESS;
}
API CUresult cuStreamWaitEvent(Stream *stream, Event *event, unsigned) {
    std::shared_ptr<Reached> at = *event;
    uint64_t goal;
    {
        std::lock_guard<std::mutex> lock(at->mutex);
        goal = at->recorded;
    }
    return enqueue(stream, [=] {
        std::unique_lock<std::mutex> lock(at->mutex);
        at->changed.wait(lock, [&] { return at->reached >= goal; });
    });
}

API CUresult cuEventCreate(Event **event, unsigned) {
    if (!current()) return INVALID_CONTEXT;
    return *event = new Event{std::make_shared<Reached>()}, SUCCESS;
}
API CUresult cuEventDestroy_v2(Event *event) { return delete event, SUCCESS; }
API CUresult cuEventRecord(Event *event, Stream *stream) {
    std::shared_ptr<Reached> at = *event;
    std::lock_guard<std::mutex> lock(at->mutex);
    uint64_t goal = at->recorded + 1;
    CUresult result = enqueue(stream, [=] {
        std::lock_guard<std::mutex> lock(at->mutex);
        at->reached = std::max(at->reached, goal);
        at->when = std::chrono::steady_clock::now();
        at->changed.notify_all();
    });
    if (result == SUCCESS) at->recorded = goal;
    return result;
}
API CUresult cuEventSynchronize(Event *event) {
    waits++;
    std::shared_ptr<Reached> at = *event;
    std::unique_lock<std::mutex> lock(at->mutex);
    at->changed.wait(lock, [&] { return at->reached == at->recorded; });
    return lost ? ILLEGAL_ADDRESS : SUCCESS;
}
API CUresult cuEventQuery(Event *event) {
    std::shared_ptr<Reached> at = *event;
    std::lock_guard<std::mutex> lock(at->mutex);
    return at->reached == at->recorded ? SUCCESS : NOT_READY;
}
API CUresult cuEventElapsedTime_v2(float *ms, Event *start, Event *end) {
    *ms = std::chrono::duration<float, std::milli>((*end)->when - (*start)->when).count();
    return SUCCESS;
}
