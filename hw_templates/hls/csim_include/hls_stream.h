// The part of hls_stream.h that a hass project uses, for C simulation with a plain compiler.
// Vendor tools bring their own hls_stream.h; nothing in this folder is synthesised.
#ifndef HASS_CSIM_HLS_STREAM_H
#define HASS_CSIM_HLS_STREAM_H

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>

namespace hls {

// An unbounded queue. Reading an empty one ends the simulation: hardware would wait for ever.
template <typename T, int DEPTH = 0>
class stream {
public:
    stream() : name_("(unnamed)") {}
    explicit stream(const char* name) : name_(name) {}
    stream(const stream&) = delete;
    stream& operator=(const stream&) = delete;

    void write(const T& value) { queue_.push_back(value); }

    T read() {
        if (queue_.empty()) {
            std::fprintf(stderr, "csim: read from the empty stream %s\n", name_.c_str());
            std::exit(3);
        }
        T value = queue_.front();
        queue_.pop_front();
        return value;
    }

    void read(T& value) { value = read(); }
    bool empty() const { return queue_.empty(); }
    std::size_t size() const { return queue_.size(); }

private:
    std::string name_;
    std::deque<T> queue_;
};

}  // namespace hls

#endif
