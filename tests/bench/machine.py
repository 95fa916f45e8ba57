"""What the benchmark does with the machine: control groups, processes on a core, CPU and memory."""

import contextlib
import ctypes
import itertools
import os
import platform
import re
import signal
import socket
import subprocess
import time

PREFIX = "spawner-bench-"
NICE = -10
PR_SET_PDEATHSIG = 1
STOP_PATIENCE_S = 3
_numbers = itertools.count()
_libc = ctypes.CDLL(None, use_errno=True)


class Failed(Exception):
    """Ends the benchmark; its text is for the user."""


def find_groups(mounts, own):
    """(mount, own path below it, name of the CPU file) of control groups, from the texts of
    /proc/self/mounts and /proc/self/cgroup: cpuacct of version 1 where it is mounted, else 2."""
    places = {}
    for line in mounts.splitlines():
        _, place, kind, options = line.split()[:4]
        if kind == "cgroup" and "cpuacct" in options.split(","):
            places[1] = place
        elif kind == "cgroup2":
            places.setdefault(2, place)
    paths = {}
    for line in own.splitlines():
        number, controllers, path = line.split(":", 2)
        if "cpuacct" in controllers.split(","):
            paths[1] = path
        elif number == "0" and not controllers:
            paths[2] = path
    for version, file in ((1, "cpuacct.usage"), (2, "cpu.stat")):
        if version in places:
            return places[version], paths.get(version, "/"), file
    raise Failed("no control groups: neither cpuacct (v1) nor cgroup2 is mounted")


def parent_group():
    """(folder that our groups go into, name of the CPU file)."""
    mount, path, file = find_groups(read("/proc/self/mounts"), read("/proc/self/cgroup"))
    own = mount + path.rstrip("/")
    return (own if os.path.isdir(own) else mount), file  # a path of another namespace is not there


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class Group:
    """A control group of ours: counts the CPU time of the processes in it, and ends them all."""

    def __init__(self, name):
        parent, file = parent_group()
        remove_old(parent)
        self.folder = "%s/%s%d-%d-%s" % (parent, PREFIX, os.getpid(), next(_numbers), name)
        self.cpu_file = os.path.join(self.folder, file)
        try:
            os.mkdir(self.folder)
        except OSError as error:
            raise Failed("cannot make a control group (%s): run as root" % error) from error

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end_all()
        os.rmdir(self.folder)

    def join(self):
        with open(self.folder + "/cgroup.procs", "w", encoding="ascii") as file:
            file.write(str(os.getpid()))

    def pids(self):
        return [int(pid) for pid in read(self.folder + "/cgroup.procs").split()]

    def cpu_s(self):
        text = read(self.cpu_file)
        v2 = re.search(r"^usage_usec (\d+)$", text, re.MULTILINE)
        return int(v2[1]) / 1e6 if v2 else int(text) / 1e9

    def memory_bytes(self):
        """User memory: anonymous and shared pages, shared ones counted once; no program text."""
        total = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):  # it may have ended
                rollup = read("/proc/%d/smaps_rollup" % pid)
                total += sum(int(kib) for kib in
                             re.findall(r"^Pss_(?:Anon|Shmem):\s+(\d+) kB$", rollup, re.MULTILINE))
        return total * 1024

    def end_all(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in self.pids():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            deadline = time.monotonic() + STOP_PATIENCE_S
            while self.pids() and time.monotonic() < deadline:
                time.sleep(0.02)


def remove_old(parent):
    """Empty groups of runs that were killed."""
    for name in os.listdir(parent):
        if name.startswith(PREFIX) and not os.path.exists("/proc/%s" % name.split("-")[2]):
            with contextlib.suppress(OSError):
                os.rmdir(os.path.join(parent, name))


def start(argv, core, group, log, **options):
    """A process in the group, on one core, before others if we may; it dies with us."""

    def enter():
        os.setsid()
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        os.sched_setaffinity(0, {core})
        group.join()
        with contextlib.suppress(OSError):
            os.nice(NICE)
            # A session of its own is an autogroup of its own, whose nice value counts.
            with open("/proc/self/autogroup", "w", encoding="ascii") as file:
                file.write(str(NICE))

    return subprocess.Popen(argv, preexec_fn=enter, stderr=log,
                            **{"stdin": subprocess.DEVNULL, "stdout": log, **options})


def reap(process):
    process.kill()
    process.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def busy_s():
    """CPU time that all cores have spent on anything."""
    user, nice, system, _, _, irq, softirq = map(int, read("/proc/stat").split("\n")[0].split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def kernel_slab_bytes():
    """Of the whole machine: sockets are in it."""
    return int(re.search(r"^Slab:\s+(\d+) kB$", read("/proc/meminfo"), re.MULTILINE)[1]) * 1024


def describe():
    model = re.search(r"^model name\s*: (.*)$", read("/proc/cpuinfo"), re.MULTILINE)
    return {"cpu": model[1] if model else platform.machine(), "cores": os.cpu_count(),
            "kernel": platform.release()}
