// Starting a provider's program: nothing of this process but two pipes reaches it.
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// Behind _GNU_SOURCE, which would make this module's view of Glibc differ from Swift's own.
extern int pipe2(int ends[2], int flags);
extern int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *actions, const char *path);
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from);

typedef struct {
    pid_t pid;
    int input;   // we write, the child's standard input
    int output;  // we read, the child's standard output
} sotto_child;

/// Moves a descriptor out of the way of 0, 1 and 2, which a daemon may have closed.
static inline int sotto_child_above_stderr(int fd) {
    if (fd < 0 || fd > 2) return fd;
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    close(fd);
    return moved;
}

/// Starts `arguments[0]` with exactly this environment, in "/", as leader of a process group of its own, with default signals, its
/// standard input and output on pipes, its standard error on /dev/null and no other descriptor. 0, or an errno.
static inline int sotto_child_start(char *const arguments[], char *const environment[], sotto_child *child) {
    int in[2] = {-1, -1}, out[2] = {-1, -1}, code = 0;
    if (pipe2(in, O_CLOEXEC) != 0) return errno;
    if (pipe2(out, O_CLOEXEC) != 0) {
        code = errno;
        close(in[0]);
        close(in[1]);
        return code;
    }
    for (int i = 0; i < 2; i++) {
        in[i] = sotto_child_above_stderr(in[i]);
        out[i] = sotto_child_above_stderr(out[i]);
        if (in[i] < 0 || out[i] < 0) code = EMFILE;
    }
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    if (code == 0) code = posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    if (code == 0) code = posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    if (code == 0) code = posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    if (code == 0) code = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    if (code == 0) code = posix_spawn_file_actions_addchdir_np(&actions, "/");
    if (code == 0) code = posix_spawnattr_setsigmask(&attributes, &none);
    if (code == 0) code = posix_spawnattr_setsigdefault(&attributes, &all);
    if (code == 0) code = posix_spawnattr_setpgroup(&attributes, 0);
    if (code == 0)
        code = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    if (code == 0) code = posix_spawn(&child->pid, arguments[0], &actions, &attributes, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (in[0] >= 0) close(in[0]);
    if (out[1] >= 0) close(out[1]);
    if (code == 0) {
        fcntl(in[1], F_SETFL, O_WRONLY | O_NONBLOCK);
        fcntl(out[0], F_SETFL, O_RDONLY | O_NONBLOCK);
        child->input = in[1];
        child->output = out[0];
    } else {
        if (in[1] >= 0) close(in[1]);
        if (out[0] >= 0) close(out[0]);
    }
    return code;
}

/// Bytes written, or -errno.
static inline long sotto_child_write(int fd, const void *bytes, size_t count) {
    ssize_t written = write(fd, bytes, count);
    return written < 0 ? -errno : written;
}

/// Bytes read, 0 at the end, or -errno.
static inline long sotto_child_read(int fd, void *bytes, size_t count) {
    ssize_t got = read(fd, bytes, count);
    return got < 0 ? -errno : got;
}

/// Ends the child and all that it started.
static inline void sotto_child_kill(pid_t pid) { kill(-pid, SIGKILL); }

/// Whether the child has been collected (or never was ours).
static inline int sotto_child_collect(pid_t pid) {
    pid_t got = waitpid(pid, NULL, WNOHANG);
    return got == pid || (got < 0 && errno == ECHILD);
}

/// A broken pipe is a result, never a signal: the calling thread takes none.
static inline void sotto_child_block_signals(void) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
}

static inline int64_t sotto_child_monotonic(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
