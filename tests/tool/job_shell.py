# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""A shell with one job, for tests of job control: job_shell.py fg|bg COMMAND [ARGUMENT ...]

stdin is a terminal, which becomes that of a session of its own; the job's stdout is ours. What
becomes of the job is told on stderr, a word and a number per line. After SIGUSR1 the job goes on
in the foreground.
"""

import fcntl
import os
import signal
import sys
import termios


def main(how, *command):
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # a shell sets its terminal at any time
    ready, go = os.pipe()
    job = os.fork()
    if job == 0:
        os.setpgid(0, 0)
        os.close(go)
        os.read(ready, 1)
        # Also what our own parent ignores, as nohup(1) does.
        for name in ("SIGTTOU", "SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGTSTP"):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
        os.execv(command[0], command)
    os.setpgid(job, job)
    if how == "fg":
        os.tcsetpgrp(0, job)
    os.close(go)

    def to_foreground(*_):
        os.tcsetpgrp(0, job)
        os.kill(-job, signal.SIGCONT)

    signal.signal(signal.SIGUSR1, to_foreground)
    while True:
        _, status = os.waitpid(job, os.WUNTRACED | os.WCONTINUED)
        if os.WIFSTOPPED(status):
            os.tcsetpgrp(0, os.getpgrp())
            print("stopped", os.WSTOPSIG(status), file=sys.stderr, flush=True)
        elif os.WIFCONTINUED(status):
            print("continued", signal.SIGCONT.value, file=sys.stderr, flush=True)
        elif os.WIFSIGNALED(status):
            print("killed", os.WTERMSIG(status), file=sys.stderr, flush=True)
            return
        else:
            print("ended", os.WEXITSTATUS(status), file=sys.stderr, flush=True)
            return


main(*sys.argv[1:])
