#include "bench/crew.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"

bool hf_bench_crew_fork(struct hf_bench_crew *crew, unsigned count, hf_bench_crew_fn *work, void *context)
{
    HF_ASSERT(count <= HF_BENCH_CREW_MAX);
    fflush(NULL);
    for (unsigned i = 0; i < count; i++) {
        int pair[2];

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
            return false;
        pid_t pid = fork();

        if (pid == 0) {
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (unsigned k = 0; k < i; k++)
                close(crew->control_fd[k]);
            close(pair[0]);
            _exit(work(context, i, pair[1]));
        }
        close(pair[1]);
        if (pid < 0) {
            close(pair[0]);
            return false;
        }
        crew->pid[i] = pid;
        crew->control_fd[i] = pair[0];
        crew->started++;
    }
    return true;
}

static void became(struct hf_bench_crew *crew, unsigned index)
{
    char letter;

    if (read(crew->control_fd[index], &letter, 1) == 1) {
        crew->is_ready[index] = true;
        *(letter == 'R' ? &crew->ready : letter == 'A' ? &crew->away : &crew->done) += 1;
        return;
    }
    close(crew->control_fd[index]);
    crew->control_fd[index] = -1;
    crew->ended++;
    if (!crew->is_ready[index])
        crew->crashed = true;
}

bool hf_bench_crew_hear(struct hf_bench_crew *crew, int other_fd, int wait_ms)
{
    struct pollfd fds[HF_BENCH_CREW_MAX + 1];

    for (unsigned i = 0; i < crew->started; i++)
        fds[i] = (struct pollfd){.fd = crew->control_fd[i], .events = POLLIN};
    fds[crew->started] = (struct pollfd){.fd = other_fd, .events = POLLIN};
    if (poll(fds, crew->started + 1, wait_ms) <= 0)
        return false;
    for (unsigned i = 0; i < crew->started; i++)
        if (fds[i].revents != 0)
            became(crew, i);
    return fds[crew->started].revents != 0;
}

void hf_bench_crew_tell(struct hf_bench_crew *crew, uint64_t word)
{
    for (unsigned i = 0; i < crew->started; i++)
        if (write(crew->control_fd[i], &word, sizeof(word)) != (ssize_t)sizeof(word))
            crew->crashed = true;
}

/* Only processes that we forked. */
bool hf_bench_crew_reap(struct hf_bench_crew *crew)
{
    bool clean = true;

    for (unsigned i = 0; i < crew->started; i++) {
        int status = 0;

        if (crew->control_fd[i] >= 0) {
            kill(crew->pid[i], SIGKILL);
            close(crew->control_fd[i]);
        }
        if (waitpid(crew->pid[i], &status, 0) != crew->pid[i] || status != 0)
            clean = false;
    }
    return clean;
}
