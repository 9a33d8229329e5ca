"""Run N processes of a command until the first one exits.

Run: python -m benchmarks.peers.copies N COMMAND...

{i} in the command is the number of the process.
"""

import subprocess
import sys
import time

_POLL_S = 0.1

if __name__ == "__main__":
    commands = [
        [word.replace("{i}", str(i)) for word in sys.argv[2:]] for i in range(int(sys.argv[1]))
    ]
    processes = [subprocess.Popen(command) for command in commands]
    while all(process.poll() is None for process in processes):
        time.sleep(_POLL_S)
    for process in processes:
        process.terminate()
    sys.exit(max(process.wait() for process in processes))
