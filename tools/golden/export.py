"""What MNE and pyedflib find in the EDF+ and BDF+ files that sessions are exported as, for decoders/recording/edf.

The files are made by our writer (go test -run TestOtherReadersAgree with NEUROD_EDF_EXPORTS) and not stored.
"""

import os
import pathlib
import subprocess
import tempfile

import golden
import recording


def main():
    files = {}
    with tempfile.TemporaryDirectory() as tmp:
        subprocess.run(
            ["go", "test", "-count=1", "-run", "^TestOtherReadersAgree$", "./decoders/recording/edf"],
            cwd=golden.ROOT, check=True, env=os.environ | {"NEUROD_EDF_EXPORTS": tmp},
        )
        for path in sorted(pathlib.Path(tmp).iterdir()):
            files[path.name] = recording.describe(path)
    golden.write("decoders/recording/edf", "export", ["mne", "numpy", "pyEDFlib"], {"files": files})


if __name__ == "__main__":
    main()
