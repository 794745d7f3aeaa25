// The part of ap_int.h that a hass project uses, for C simulation with a plain compiler.
// Vendor tools bring their own ap_int.h; nothing in this folder is synthesised.
#ifndef HASS_CSIM_AP_INT_H
#define HASS_CSIM_AP_INT_H

#include <cstddef>
#include <cstdint>
#include <type_traits>

// The smallest built-in integer that holds W bits: streams and memories of words stay in cache.
template <int W>
struct ap_storage {
    typedef typename std::conditional<
        W <= 8, int8_t,
        typename std::conditional<
            W <= 16, int16_t,
            typename std::conditional<W <= 32, int32_t, int64_t>::type>::type>::type type;
};

// Two's complement integer of W bits (1 to 64); arithmetic happens in 64 bits, storing wraps.
template <int W>
class ap_int {
    static_assert(W >= 1 && W <= 64, "this ap_int holds 1 to 64 bits");

public:
    static const int width = W;

    constexpr ap_int() : value_(0) {}
    constexpr ap_int(long long value) : value_(wrapped(value)) {}
    template <int V>
    constexpr ap_int(const ap_int<V>& other) : value_(wrapped(other)) {}

    constexpr operator long long() const { return value_; }

    ap_int& operator+=(long long other) { return *this = ap_int(wide() + other); }
    ap_int& operator-=(long long other) { return *this = ap_int(wide() - other); }
    ap_int& operator<<=(int bits) {
        return *this = ap_int(static_cast<long long>(static_cast<unsigned long long>(wide()) << bits));
    }
    ap_int& operator>>=(int bits) { return *this = ap_int(wide() >> bits); }

private:
    typedef typename ap_storage<W>::type storage;

    static constexpr storage wrapped(long long value) {
        return static_cast<storage>(
            static_cast<long long>(static_cast<unsigned long long>(value) << (64 - W)) >> (64 - W));
    }

    constexpr long long wide() const { return value_; }

    storage value_;
};

// Unsigned integer of any width; made for packing words: whole values up to 64 bits, else ranges
// of at most 64 bits.
template <int W>
class ap_uint {
public:
    static const int width = W;

    class part {
    public:
        part(ap_uint& owner, int high, int low) : owner_(owner), high_(high), low_(low) {}
        part& operator=(unsigned long long value) {
            for (int bit = low_; bit <= high_; ++bit, value >>= 1) owner_.set_bit(bit, value & 1);
            return *this;
        }
        operator unsigned long long() const {
            unsigned long long value = 0;
            for (int bit = high_; bit >= low_; --bit) value = value << 1 | owner_.bit(bit);
            return value;
        }

    private:
        ap_uint& owner_;
        int high_, low_;
    };

    ap_uint(unsigned long long value = 0) : limbs_{} {
        for (int bit = 0; bit < W && bit < 64; ++bit) set_bit(bit, value >> bit & 1);
    }

    operator unsigned long long() const {
        static_assert(W <= 64, "only ranges of a wide ap_uint have a value");
        return limbs_[0];
    }

    part range(int high, int low) { return part(*this, high, low); }

private:
    friend class part;
    unsigned long long bit(int place) const { return limbs_[place / 64] >> (place % 64) & 1; }
    void set_bit(int place, unsigned long long value) {
        const unsigned long long mask = 1ULL << (place % 64);
        limbs_[place / 64] = value ? limbs_[place / 64] | mask : limbs_[place / 64] & ~mask;
    }

    uint64_t limbs_[(W + 63) / 64];
};

#endif
