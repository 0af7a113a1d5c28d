"""A filter of system calls that no build or test needs and that reach past namespaces."""

import functools
import platform
import struct

# columns: x86_64, aarch64
REFUSED: dict[str, tuple[int, int]] = {
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "chroot": (161, 51),
    "swapon": (167, 224), "swapoff": (168, 225), "reboot": (169, 142), "acct": (163, 89), "setns": (308, 268),
    "open_by_handle_at": (304, 265), "quotactl": (179, 60), "syslog": (103, 116), "settimeofday": (164, 170),
    "clock_settime": (227, 112), "clock_adjtime": (305, 266), "adjtimex": (159, 171), "open_tree": (428, 428),
    "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432),
    "mount_setattr": (442, 442),
}  # fmt: skip
ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
X32_BIT = 0x40000000
EPERM, ENOSYS = 1, 38
LOAD_WORD, JUMP_EQUAL, JUMP_AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
ALLOW, ERRNO = 0x7FFF0000, 0x00050000


def _op(code: int, value: int, when_true: int = 0, when_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, when_true, when_false, value)


@functools.cache
def program() -> bytes:
    """The compiled filter for this machine, or empty bytes on an architecture we have no numbers for.

    Calls of another instruction set (32-bit, x32) answer ENOSYS, refused ones EPERM, all others pass.
    """
    if platform.machine() not in ARCHITECTURES:
        return b""
    column, audit_name = ARCHITECTURES[platform.machine()]
    foreign = _op(RETURN, ERRNO | ENOSYS)
    lines = [_op(LOAD_WORD, 4), _op(JUMP_EQUAL, audit_name, 1, 0), foreign, _op(LOAD_WORD, 0)]
    if column == 0:
        lines += [_op(JUMP_AT_LEAST, X32_BIT, 0, 1), foreign]
    for numbers in REFUSED.values():
        lines += [_op(JUMP_EQUAL, numbers[column], 0, 1), _op(RETURN, ERRNO | EPERM)]
    return b"".join([*lines, _op(RETURN, ALLOW)])
