"""Starts ansible-playbook faster than its own script does; run as a file (`python -I launch.py ARGUMENTS`)."""

import ctypes
import gc
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int) -> None:
    """Have the kernel end this process when the build's process is killed: nobody else would."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def limit_memory(mebibytes: int) -> None:
    """Have the kernel refuse more memory to this process or any that it starts: a task's output is kept in memory."""
    limit = mebibytes << 20
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    if most != resource.RLIM_INFINITY:
        limit = min(limit, most)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def main() -> None:
    """Run the command line of ansible-playbook; before it come the pid of the parent and the memory limit in MiB."""
    end_with_parent(int(sys.argv.pop(1)))
    limit_memory(int(sys.argv.pop(1)))
    # Ansible imports some thousand modules, then forks for each task: a collector that walks them all costs a
    # fifth of the start. Its ssh connection is OpenSSH; paramiko would be imported for nothing (0.14 s).
    gc.disable()
    sys.modules["paramiko"] = None  # type: ignore[assignment]
    from ansible.cli.playbook import main as ansible_playbook  # noqa: PLC0415  # after the two lines above

    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    gc.enable()
    sys.argv[0] = "ansible-playbook"
    ansible_playbook(sys.argv)


if __name__ == "__main__":
    main()
