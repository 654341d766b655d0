/// @file
/// A reference to an object of the library, which is given back once.
#ifndef NEO_HANDLE_HPP
#define NEO_HANDLE_HPP

#include "result.hpp"

#include <utility>

namespace neo {
inline namespace NEO_NAMESPACE {
namespace detail {

inline void give_back(neo_kernel_t *it) noexcept { NEO_FN(kernel_release)(it); }
inline void give_back(neo_counters_t *it) noexcept { NEO_FN(counters_release)(it); }
inline void give_back(neo_pub_t *it) noexcept { NEO_FN(pub_release)(it); }
inline void give_back(neo_loan_t *it) noexcept { NEO_FN(loan_abort)(it); }
inline void give_back(neo_room_t *it) noexcept { NEO_FN(room_release)(it); }
inline void give_back(neo_sub_t *it) noexcept { NEO_FN(sub_release)(it); }
inline void give_back(neo_batch_t *it) noexcept { NEO_FN(batch_release)(it); }
inline void give_back(neo_service_t *it) noexcept { NEO_FN(service_release)(it); }
inline void give_back(neo_request_t *it) noexcept { NEO_FN(request_release)(it); }
inline void give_back(neo_call_t *it) noexcept { NEO_FN(call_release)(it); }
inline void give_back(neo_poller_t *it) noexcept { NEO_FN(poller_release)(it); }

inline neo_status_t retain(neo_kernel_t *it) noexcept { return NEO_FN(kernel_retain)(it); }
inline neo_status_t retain(neo_pub_t *it) noexcept { return NEO_FN(pub_retain)(it); }
inline neo_status_t retain(neo_room_t *it) noexcept { return NEO_FN(room_retain)(it); }
inline neo_status_t retain(neo_sub_t *it) noexcept { return NEO_FN(sub_retain)(it); }
inline neo_status_t retain(neo_service_t *it) noexcept { return NEO_FN(service_retain)(it); }
inline neo_status_t retain(neo_call_t *it) noexcept { return NEO_FN(call_retain)(it); }
inline neo_status_t retain(neo_poller_t *it) noexcept { return NEO_FN(poller_retain)(it); }

/// One reference, moved but not copied. Empty by itself and after a move.
template <typename T>
class handle {
public:
    handle() noexcept = default;
    explicit handle(T *it) noexcept : it_(it) {}
    handle(handle &&other) noexcept : it_(other.take()) {}
    handle &operator=(handle &&other) noexcept
    {
        handle old(std::exchange(it_, other.take()));
        return *this;
    }
    handle(const handle &) = delete;
    handle &operator=(const handle &) = delete;
    ~handle()
    {
        if (it_ != nullptr) {
            give_back(it_);
        }
    }

    [[nodiscard]] T *get() const noexcept { return it_; }
    [[nodiscard]] T *take() noexcept { return std::exchange(it_, nullptr); }

private:
    T *it_ = nullptr;
};

/// How many of its elements a container uses: none once it was moved from.
class count {
public:
    count() noexcept = default;
    count(count &&other) noexcept : value(std::exchange(other.value, 0)) {}
    count &operator=(count &&other) noexcept
    {
        value = std::exchange(other.value, 0);
        return *this;
    }
    count(const count &) = delete;
    count &operator=(const count &) = delete;
    ~count() = default;

    std::size_t value = 0;
};

/// What all handles of the interface have in common.
template <typename Self, typename T>
class object {
public:
    /// Whether it holds something: not if it was made by nothing, was moved or was used up.
    /// What is called on an empty handle fails with `errc::invalid`.
    explicit operator bool() const noexcept { return it_.get() != nullptr; }

    /// The pointer of neo.h, which this handle keeps.
    [[nodiscard]] T *native_handle() const noexcept { return it_.get(); }

    /// Takes over one reference from C.
    [[nodiscard]] static Self adopt(T *it) noexcept
    {
        Self self;
        self.it_ = handle<T>(it);
        return self;
    }

protected:
    object() noexcept = default;

    handle<T> it_;
};

/// Those of which there may be several handles.
template <typename Self, typename T>
class shared_object : public object<Self, T> {
public:
    /// One more handle of the same object, for another owner. It lives until all are gone.
    [[nodiscard]] result<Self> clone() const
    {
        neo_status_t status = retain(this->native_handle());
        if (status != NEO_OK) {
            return failure(error(static_cast<errc>(status)));
        }
        return Self::adopt(this->native_handle());
    }

protected:
    shared_object() noexcept = default;
};

} // namespace detail
} // namespace NEO_NAMESPACE
} // namespace neo

#endif
