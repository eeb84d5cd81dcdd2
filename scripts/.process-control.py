#!python
"""What the commands beside this file call: it finds the package, and calls what the command is for.

The installer writes the interpreter into the first line, where the commands read it. They call it with `-I -S`, as
crontabs do; `site` is imported for the commands that need it, and for packages that do not lie where installers put
them (an editable installation).
"""

import posix
import sys

if not sys.flags.isolated:  # see the commands: their path has spaces
    posix.execv(sys.executable, [sys.executable, "-I", "-S", *sys.argv])

sys.argv = sys.argv[1:]
NAME = sys.argv[0].rpartition("/")[2]
PREFIX = __file__.rpartition("/")[0].rpartition("/")[0]
VERSION = f"python{sys.version_info[0]}.{sys.version_info[1]}"
PLACES = ("lib/{}/site-packages", "lib/{}/dist-packages", "lib64/{}/site-packages", "lib/python3/dist-packages", ".")


def folder_of_the_package():
    """Return where the package was installed together with this file, None when it is somewhere else."""
    for place in PLACES:
        folder = f"{PREFIX}/{place.format(VERSION)}"
        if posix.access(f"{folder}/process_control/entry/stub.py", posix.R_OK):
            return folder
    return None


def run_job(folder):
    if folder is None:
        import_site()
        from process_control.entry.stub import main

        return main()
    stub = f"{folder}/process_control/entry/stub.py"
    with open(stub, "rb") as file:
        code = compile(file.read(), stub, "exec")
    return exec(code, {"__name__": "__main__", "__file__": stub, "__builtins__": __builtins__})


def another_command(folder):
    if folder is not None:
        sys.path.append(folder)
    else:
        import_site()
    if NAME == "process-control" and sys.argv[1:] == ["--version"] and print_version():
        return 0
    from process_control.cli.waiting import go_on_watched

    paths = go_on_watched(NAME, sys.argv[1:])
    if folder is not None:
        import_site()
    if NAME == "cron-generate":
        from process_control.cli.verbs.cron_generate import main
    elif NAME == "check-jobs-icinga":
        from process_control.cli.verbs.check import main_icinga as main
    else:
        from process_control.cli.main import main
    return main(paths=paths)


def print_version():
    """Print the version with nothing imported: whoever asks many hosts asks each of them for it first.

    Return whether it was written; if not, the command line says why.
    """
    from process_control import __version__

    try:
        return posix.write(1, f"process-control {__version__}\n".encode("ascii")) > 0
    except OSError:
        return False


def import_site():
    import site

    site.main()


code = run_job(folder_of_the_package()) if NAME == "run-job" else another_command(folder_of_the_package())
if "temporalio" in sys.modules:  # it has crashed at the interpreter's exit, after its work was done
    sys.stdout.flush()
    sys.stderr.flush()
    posix._exit(code or 0)
sys.exit(code)
