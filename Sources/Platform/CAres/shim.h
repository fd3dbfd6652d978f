// c-ares: the resolver that SIPTransport runs on a thread of its own.
#pragma once
#include <ares.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <unistd.h>

// Behind _GNU_SOURCE, which would make this module's view of Glibc differ from Swift's own.
extern int pthread_setname_np(pthread_t thread, const char *name);

/// Opens a channel; `servers` as "192.0.2.1:53,[2001:db8::1]:53", or NULL for those of /etc/resolv.conf. 0, or c-ares' status.
static inline int sotto_ares_open(ares_channel *channel, int timeout_milliseconds, int tries, const char *servers) {
    int status = ares_library_init(ARES_LIB_INIT_ALL);
    if (status != ARES_SUCCESS) return status;
    static char dns_only[] = "b";
    struct ares_options options;
    memset(&options, 0, sizeof options);
    options.timeout = timeout_milliseconds;
    options.tries = tries;
    options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS;
    options.ednspsz = 1232;
    options.lookups = dns_only;
    status = ares_init_options(
        channel, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_LOOKUPS);
    if (status != ARES_SUCCESS) {
        ares_library_cleanup();
        return status;
    }
    if (servers != NULL) status = ares_set_servers_ports_csv(*channel, servers);
    if (status != ARES_SUCCESS) {
        ares_destroy(*channel);
        ares_library_cleanup();
    }
    return status;
}
/// Every open question ends with ARES_EDESTRUCTION.
static inline void sotto_ares_close(ares_channel channel) {
    ares_destroy(channel);
    ares_library_cleanup();
}

/// Waits for the channel's sockets, its timers, or `wake`, `milliseconds` at most, and lets the channel work.
static inline void sotto_ares_turn(ares_channel channel, int wake, int milliseconds) {
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    struct pollfd polled[ARES_GETSOCK_MAXNUM + 1];
    nfds_t count = 0;
    int bits = ares_getsock(channel, sockets, ARES_GETSOCK_MAXNUM);
    polled[count++] = (struct pollfd){.fd = wake, .events = POLLIN};
    for (int index = 0; index < ARES_GETSOCK_MAXNUM; index++) {
        short events = (ARES_GETSOCK_READABLE(bits, index) ? POLLIN : 0) | (ARES_GETSOCK_WRITABLE(bits, index) ? POLLOUT : 0);
        if (events != 0) polled[count++] = (struct pollfd){.fd = sockets[index], .events = events};
    }
    struct timeval most = {.tv_sec = milliseconds / 1000, .tv_usec = (milliseconds % 1000) * 1000}, left;
    struct timeval *until = ares_timeout(channel, &most, &left);
    int wait = until == NULL ? milliseconds : (int)(until->tv_sec * 1000 + (until->tv_usec + 999) / 1000);
    int ready = poll(polled, count, wait);
    if (polled[0].revents != 0) {
        uint64_t value;
        ssize_t ignored = read(wake, &value, sizeof value);
        (void)ignored;
    }
    for (nfds_t index = 1; ready > 0 && index < count; index++) {
        if (polled[index].revents == 0) continue;
        int fd = polled[index].fd;
        ares_process_fd(
            channel, polled[index].revents & (POLLIN | POLLERR | POLLHUP) ? fd : ARES_SOCKET_BAD,
            polled[index].revents & POLLOUT ? fd : ARES_SOCKET_BAD);
    }
    ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);  // timeouts
}

static inline int sotto_ares_wake_create(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }
static inline void sotto_ares_wake(int fd) {
    uint64_t one = 1;
    ssize_t ignored = write(fd, &one, sizeof one);
    (void)ignored;
}
static inline void sotto_ares_wake_close(int fd) { close(fd); }
static inline int sotto_ares_thread_start(pthread_t *thread, void *(*body)(void *), void *context) {
    int code = pthread_create(thread, NULL, body, context);
    if (code == 0) pthread_setname_np(*thread, "names");
    return code;
}
static inline void sotto_ares_thread_join(pthread_t thread) { pthread_join(thread, NULL); }
