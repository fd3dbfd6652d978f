// What the media threads need of Linux and Glibc's module does not offer: epoll, eventfd, and UDP sockets that speak one flat address.
#pragma once
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

// Behind _GNU_SOURCE, which would make this module's view of Glibc differ from Swift's own.
extern int pthread_setname_np(pthread_t thread, const char *name);

/// A UDP address in one flat shape. An IPv4 address lies in the first four bytes; the rest is zero.
typedef struct {
    uint64_t high;
    uint64_t low;
    uint32_t scope;
    uint16_t port;
    uint8_t is_ipv6;
} sotto_address;

static inline socklen_t sotto_address_out(const sotto_address *address, struct sockaddr_storage *out) {
    if (address->is_ipv6) {
        struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
        memset(six, 0, sizeof *six);
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(address->port);
        six->sin6_scope_id = address->scope;
        memcpy(six->sin6_addr.s6_addr, &address->high, 8);
        memcpy(six->sin6_addr.s6_addr + 8, &address->low, 8);
        return sizeof *six;
    }
    struct sockaddr_in *four = (struct sockaddr_in *)out;
    memset(four, 0, sizeof *four);
    four->sin_family = AF_INET;
    four->sin_port = htons(address->port);
    memcpy(&four->sin_addr.s_addr, &address->high, 4);
    return sizeof *four;
}

static inline void sotto_address_in(const struct sockaddr_storage *in, sotto_address *address) {
    memset(address, 0, sizeof *address);
    if (in->ss_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)in;
        address->is_ipv6 = 1;
        address->port = ntohs(six->sin6_port);
        address->scope = six->sin6_scope_id;
        memcpy(&address->high, six->sin6_addr.s6_addr, 8);
        memcpy(&address->low, six->sin6_addr.s6_addr + 8, 8);
    } else {
        const struct sockaddr_in *four = (const struct sockaddr_in *)in;
        address->port = ntohs(four->sin_port);
        memcpy(&address->high, &four->sin_addr.s_addr, 4);
    }
}

/// A bound, non-blocking UDP socket, or -errno. An IPv6 socket takes no IPv4.
static inline int sotto_udp_open(const sotto_address *bind_to, int dscp) {
    int fd = socket(bind_to->is_ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    int on = 1, class = dscp << 2;
    if (bind_to->is_ipv6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
        setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &class, sizeof class);
    } else {
        setsockopt(fd, IPPROTO_IP, IP_TOS, &class, sizeof class);
    }
    struct sockaddr_storage storage;
    socklen_t size = sotto_address_out(bind_to, &storage);
    if (bind(fd, (struct sockaddr *)&storage, size) != 0) {
        int code = errno;
        close(fd);
        return -code;
    }
    return fd;
}

/// The port that a socket is bound to; 0 when the kernel does not say.
static inline uint16_t sotto_udp_port(int fd) {
    struct sockaddr_storage storage;
    socklen_t size = sizeof storage;
    sotto_address address;
    if (getsockname(fd, (struct sockaddr *)&storage, &size) != 0) return 0;
    sotto_address_in(&storage, &address);
    return address.port;
}

/// The datagram's whole length (larger than `capacity` when it was cut), or -errno; -EAGAIN when none waits.
static inline long sotto_udp_receive(int fd, void *buffer, size_t capacity, sotto_address *from) {
    struct sockaddr_storage storage;
    socklen_t size = sizeof storage;
    ssize_t count = recvfrom(fd, buffer, capacity, MSG_TRUNC, (struct sockaddr *)&storage, &size);
    if (count < 0) return -errno;
    sotto_address_in(&storage, from);
    return count;
}

/// Bytes sent, or -errno.
static inline long sotto_udp_send(int fd, const void *buffer, size_t count, const sotto_address *to) {
    struct sockaddr_storage storage;
    socklen_t size = sotto_address_out(to, &storage);
    ssize_t sent = sendto(fd, buffer, count, MSG_NOSIGNAL, (const struct sockaddr *)&storage, size);
    return sent < 0 ? -errno : sent;
}

static inline int sotto_epoll_create(void) {
    int fd = epoll_create1(EPOLL_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static inline int sotto_epoll_add(int epoll, int fd, uint64_t token) {
    struct epoll_event event = { .events = EPOLLIN, .data.u64 = token };
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

/// Tokens of readable descriptors; their number, or -errno.
static inline int sotto_epoll_wait(int epoll, uint64_t *tokens, int capacity, int milliseconds) {
    struct epoll_event events[256];
    int count = epoll_wait(epoll, events, capacity > 256 ? 256 : capacity, milliseconds);
    if (count < 0) return -errno;
    for (int index = 0; index < count; index++) tokens[index] = events[index].data.u64;
    return count;
}

static inline int sotto_eventfd_create(void) {
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static inline void sotto_eventfd_signal(int fd) {
    uint64_t one = 1;
    ssize_t ignored = write(fd, &one, sizeof one);
    (void)ignored;
}

static inline void sotto_eventfd_clear(int fd) {
    uint64_t value;
    ssize_t ignored = read(fd, &value, sizeof value);
    (void)ignored;
}

static inline void sotto_close(int fd) { close(fd); }

/// CLOCK_MONOTONIC in nanoseconds.
static inline int64_t sotto_monotonic(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/// CLOCK_REALTIME in milliseconds.
static inline int64_t sotto_realtime_milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline void sotto_sleep_until(int64_t nanoseconds) {
    struct timespec until = { .tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000 };
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {}
}

/// A joinable thread, or its errno negated. `body` gets `context`.
static inline int sotto_thread_start(pthread_t *thread, const char *name, void *(*body)(void *), void *context) {
    int code = pthread_create(thread, NULL, body, context);
    if (code != 0) return -code;
    pthread_setname_np(*thread, name);
    return 0;
}

/// Puts the calling thread under SCHED_RR where the machine's owner allows it (RLIMIT_RTPRIO, systemd's LimitRTPRIO=), at priority 10 or
/// less. Without that permission nothing changes.
static inline void sotto_thread_take_realtime(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_RTPRIO, &limit) != 0 || limit.rlim_cur == 0) return;
    struct sched_param parameters = {.sched_priority = limit.rlim_cur < 10 ? (int)limit.rlim_cur : 10};
    sched_setscheduler(0, SCHED_RR, &parameters);
}

static inline void sotto_thread_join(pthread_t thread) { pthread_join(thread, NULL); }
