// hls_stream.h for a simulation cycle by cycle: every process is a coroutine, every iteration of its
// loop takes a cycle, streams hold as many words as they say. A word that is written can be read
// from the next cycle on, and its place is free from the cycle after it was read.
#ifndef HASS_CYCLE_HLS_STREAM_H
#define HASS_CYCLE_HLS_STREAM_H

#include <ucontext.h>

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

namespace cycle {

const std::size_t STACK_BYTES = 1 << 18;
const long long PATIENCE = 20000;  // cycles without a word anywhere: nothing will move any more

struct process {
    std::function<void()> body;
    std::unique_ptr<char[]> stack;
    ucontext_t context;
    bool done;
};

struct clock {
    ucontext_t scheduler;
    std::vector<std::unique_ptr<process> > processes;
    process* present = nullptr;
    long long now = 0;
    long long moved = 0;  // when a word moved last
};

inline clock& the_clock() {
    static clock one;
    return one;
}

// Until the next cycle.
inline void wait() {
    process* self = the_clock().present;
    swapcontext(&self->context, &the_clock().scheduler);
}

inline void enter() {
    process* self = the_clock().present;
    self->body();
    self->done = true;
    wait();
}

inline process* spawn(std::function<void()> body) {
    process* made = new process{body, std::unique_ptr<char[]>(new char[STACK_BYTES]), {}, false};
    getcontext(&made->context);
    made->context.uc_stack.ss_sp = made->stack.get();
    made->context.uc_stack.ss_size = STACK_BYTES;
    made->context.uc_link = nullptr;
    makecontext(&made->context, enter, 0);
    the_clock().processes.emplace_back(made);
    return made;
}

// A dataflow region: ends when all its processes have.
class region {
public:
    ~region() {
        for (process* one : mine_) {
            while (!one->done) wait();
        }
    }
    void spawn(std::function<void()> body) { mine_.push_back(cycle::spawn(body)); }

private:
    std::vector<process*> mine_;
};

// Cycle after cycle, until `last` has ended.
inline void run(const process* last) {
    clock& time = the_clock();
    while (!last->done) {
        for (std::size_t index = 0; index < time.processes.size(); ++index) {
            process* one = time.processes[index].get();
            if (one->done) continue;
            time.present = one;
            swapcontext(&time.scheduler, &one->context);
        }
        ++time.now;
        if (time.now - time.moved > PATIENCE) {
            std::fprintf(stderr, "nothing moves since cycle %lld\n", time.moved);
            std::exit(4);
        }
    }
}

}  // namespace cycle

namespace hls {

template <typename T, int DEPTH = 0>
class stream {
public:
    explicit stream(const char* = "") {}
    stream(const stream&) = delete;
    stream& operator=(const stream&) = delete;

    void set_depth(std::size_t depth) { depth_ = depth; }

    bool empty() const { return queue_.empty() || queue_.front().since >= now(); }
    bool full() const { return queue_.size() + (read_at_ == now() ? 1 : 0) >= depth_; }

    void write(const T& value) {
        while (full()) cycle::wait();
        queue_.push_back({value, now()});
        cycle::the_clock().moved = now();
    }
    T read() {
        while (empty()) cycle::wait();
        T value = queue_.front().value;
        queue_.pop_front();
        read_at_ = now();
        cycle::the_clock().moved = now();
        return value;
    }
    bool read_nb(T& value) {
        if (empty()) return false;
        value = read();
        return true;
    }
    bool write_nb(const T& value) {
        if (full()) return false;
        write(value);
        return true;
    }

private:
    static long long now() { return cycle::the_clock().now; }
    struct entry {
        T value;
        long long since;
    };
    std::deque<entry> queue_;
    std::size_t depth_ = 2;
    long long read_at_ = -1;
};

}  // namespace hls

namespace cycle {

template <typename T>
void set_depth(hls::stream<T>& stream, int depth) {
    stream.set_depth(depth);
}

template <typename T, int N>
void set_depth(hls::stream<T> (&streams)[N], int depth) {
    for (hls::stream<T>& stream : streams) stream.set_depth(depth);
}

}  // namespace cycle

#endif
