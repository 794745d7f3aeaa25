// The part of hls_stream.h that a hass project uses, for C simulation with a plain compiler.
// Vendor tools bring their own hls_stream.h; nothing in this folder is synthesised.
#ifndef HASS_CSIM_HLS_STREAM_H
#define HASS_CSIM_HLS_STREAM_H

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace hls {

// An unbounded queue. Reading an empty one ends the simulation, even where the reader would go on
// without: blocks run one after the other, so that nothing will ever come. So a queue is filled and
// then emptied: a plain array that starts anew when it is empty does that without a memory block
// for every few words.
template <typename T, int DEPTH = 0>
class stream {
public:
    stream() : name_("(unnamed)"), next_(0) {}
    explicit stream(const char* name) : name_(name), next_(0) {}
    stream(const stream&) = delete;
    stream& operator=(const stream&) = delete;

    void write(const T& value) { words_.push_back(value); }

    T read() {
        if (empty()) {
            std::fprintf(stderr, "csim: read from the empty stream %s\n", name_.c_str());
            std::exit(3);
        }
        const T value = words_[next_++];
        if (empty()) {
            words_.clear();
            next_ = 0;
        }
        return value;
    }

    void read(T& value) { value = read(); }
    bool read_nb(T& value) {
        value = read();
        return true;
    }
    bool write_nb(const T& value) {
        write(value);
        return true;
    }
    bool empty() const { return next_ == words_.size(); }
    std::size_t size() const { return words_.size() - next_; }

private:
    std::string name_;
    std::vector<T> words_;
    std::size_t next_;  // place of the oldest word that has not been read
};

}  // namespace hls

#endif
