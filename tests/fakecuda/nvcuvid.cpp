// libnvcuvid.so.1 for tests: GStreamer's CUDA plugin registers its elements only where there is one.
// This one decodes nothing, and so no decoder is registered.
#define REFUSES(name) extern "C" __attribute__((visibility("default"))) int name() { return 801; }
REFUSES(cuvidCtxLockCreate)
REFUSES(cuvidCtxLockDestroy)
REFUSES(cuvidCtxLock)
REFUSES(cuvidCtxUnlock)
REFUSES(cuvidCreateDecoder)
REFUSES(cuvidReconfigureDecoder)
REFUSES(cuvidDestroyDecoder)
REFUSES(cuvidDecodePicture)
REFUSES(cuvidCreateVideoParser)
REFUSES(cuvidParseVideoData)
REFUSES(cuvidDestroyVideoParser)
REFUSES(cuvidMapVideoFrame)
REFUSES(cuvidUnmapVideoFrame)
REFUSES(cuvidMapVideoFrame64)
REFUSES(cuvidUnmapVideoFrame64)
REFUSES(cuvidGetDecoderCaps)
