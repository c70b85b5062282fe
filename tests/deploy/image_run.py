#!/usr/bin/python3
"""Looks into an image that `./dev image` made, and runs it: its own root, read-only, as its own user
without any privilege, which is how Kubernetes runs it.

Use: image_run.py <image.tar>: an OCI archive of sagad. 77 = this machine lets nobody mount
or change its root.
"""
import ctypes
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

UID = 10001
PR_SET_NO_NEW_PRIVS = 38
CLONE_NEWNS = 0x00020000
REFUSED = 77
START_S = 60
WRITABLE = {"tmp", "var/lib/sagad"}
libc = ctypes.CDLL(None, use_errno=True)


def read_image(archive, folder):
    """Unpacks all layers into folder; gives the image's configuration."""
    os.mkdir(folder + "/oci")
    subprocess.run(["tar", "-C", folder + "/oci", "-xf", archive], check=True)

    def blob(digest):
        return os.path.join(folder, "oci", "blobs", *digest.split(":"))

    with open(folder + "/oci/index.json", encoding="utf-8") as file:
        digest = json.load(file)["manifests"][0]["digest"]
    with open(blob(digest), encoding="utf-8") as file:
        manifest = json.load(file)
    root = folder + "/root"
    os.mkdir(root)
    for layer in manifest["layers"]:
        subprocess.run(["tar", "-C", root, "--same-owner", "--numeric-owner", "-xpf", blob(layer["digest"])], check=True)
    with open(blob(manifest["config"]["digest"]), encoding="utf-8") as file:
        return digest, root, json.load(file)


def files_of(root):
    for folder, folders, names in os.walk(root):
        for name in folders + names:
            path = os.path.join(folder, name)
            yield os.path.relpath(path, root), os.lstat(path)


def check_content(root, image):
    config = image["config"]
    if config.get("User") != f"{UID}:{UID}":
        yield f"user {config.get('User')}"
    if config.get("Entrypoint") != ["/usr/bin/sagad"]:
        yield f"entry point {config.get('Entrypoint')}"
    for label in ("title", "description", "version", "revision"):
        if not config.get("Labels", {}).get(f"org.opencontainers.image.{label}"):
            yield f"no label {label}"
    if set(config.get("ExposedPorts", {})) != {"9180/tcp", "9181/tcp"}:
        yield f"ports {config.get('ExposedPorts')}"
    programs = sorted(os.listdir(root + "/usr/bin"))
    if programs != ["sagactl", "sagad"]:
        yield f"programs {programs}"
    for path, status in files_of(root):
        mode = status.st_mode
        if mode & (stat.S_ISUID | stat.S_ISGID) and not stat.S_ISLNK(mode):
            yield f"{path} changes who it runs as"
        mine = status.st_uid == UID or (mode & stat.S_IWOTH and not stat.S_ISLNK(mode))
        if mine and path not in WRITABLE:
            yield f"{path} can be written by the user it runs as"
        if not stat.S_ISLNK(mode) and status.st_uid not in (0, UID):
            yield f"{path} belongs to {status.st_uid}"
    with open(root + "/usr/share/sagad/sbom.spdx.json", encoding="utf-8") as file:
        names = {p["name"] for p in json.load(file)["packages"]}
    if not {"libc6", "libuv1", "ca-certificates"} <= names or names != set(os.listdir(root + "/var/lib/dpkg/status.d")):
        yield f"the bill of materials is not whole: {sorted(names)}"


def changed(change, undo):
    """A break that is taken back."""
    return lambda root, image: (change(root, image), lambda: undo(root, image))[1]


# What must be found, each undone before the next.
BREAKS = (
    changed(lambda r, i: os.chmod(r + "/usr/bin/sagad", 0o4755), lambda r, i: os.chmod(r + "/usr/bin/sagad", 0o755)),
    changed(lambda r, i: os.chown(r + "/usr/share", UID, UID), lambda r, i: os.chown(r + "/usr/share", 0, 0)),
    changed(lambda r, i: os.symlink("sagad", r + "/usr/bin/sh"), lambda r, i: os.unlink(r + "/usr/bin/sh")),
    changed(lambda r, i: os.chmod(r + "/etc/passwd", 0o666), lambda r, i: os.chmod(r + "/etc/passwd", 0o644)),
    changed(lambda r, i: os.mkdir(r + "/var/lib/dpkg/status.d/x"), lambda r, i: os.rmdir(r + "/var/lib/dpkg/status.d/x")),
    changed(lambda r, i: i["config"].update(User="0:0"), lambda r, i: i["config"].update(User=f"{UID}:{UID}")),
    changed(lambda r, i: i["config"]["Entrypoint"].append("-v"), lambda r, i: i["config"]["Entrypoint"].pop()),
)


def check_breaks(root, image):
    for number, change in enumerate(BREAKS):
        undo = change(root, image)
        if not list(check_content(root, image)):
            yield f"break {number} of the content was not seen"
        undo()


def check_no_paths(root, words):
    """Nothing of the machine that built it."""
    for program in ("sagad", "sagactl"):
        with open(f"{root}/usr/bin/{program}", "rb") as file:
            content = file.read()
        for word in words:
            if word.encode() in content:
                yield f"{program} tells of {word}"


def system_call(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def become(root):
    """In the child: that root, that user, nothing else."""
    os.chroot(root)
    os.chdir("/var/lib/sagad")
    os.setgroups([])
    os.setresgid(UID, UID, UID)
    os.setresuid(UID, UID, UID)
    system_call(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def start(root, image, arguments, environment=None, program=None):
    env = dict(pair.split("=", 1) for pair in image["config"].get("Env", []))
    env.update(environment or {})
    command = [program] if program else image["config"]["Entrypoint"]
    return subprocess.Popen([*command, *arguments], env=env, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, preexec_fn=lambda: become(root))


def says(root, image, wanted, arguments, program=None, environment=None, code=0):
    process = start(root, image, arguments, environment, program)
    said = process.communicate(timeout=START_S)[0]
    if process.returncode != code or wanted not in said:
        yield f"{program or 'sagad'} {' '.join(arguments)}: ends with {process.returncode}: {said}"


def port_of(process):
    """From the log: `http.listening` names the address it has got."""
    deadline = time.monotonic() + START_S
    lines = []
    while time.monotonic() < deadline:
        line = process.stdout.readline()
        if not line:
            break
        lines.append(line)
        if '"http.listening"' in line:
            return json.loads(line)["port"], lines
    return 0, lines


def check_serving(root, image):
    """It starts without any server to talk to, answers probes, and ends by SIGTERM."""
    process = start(root, image, [], {"SAGAD_HTTP_LISTEN": "127.0.0.1:0", "SAGAD_HTTP_METRICS_LISTEN": "", "SAGAD_NODE_ID": "of-the-image",
                                      "SAGAD_NATS_URL": "nats://127.0.0.1:1", "SAGAD_ETCD_ENDPOINTS": "http://127.0.0.1:1"})
    port, lines = port_of(process)
    if not port:
        process.kill()
        yield f"it does not listen: {''.join(lines)}"
        return
    for page, wanted in (("started", 200), ("live", 200), ("ready", 503)):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz/{page}", timeout=10) as answer:
                status = answer.status
        except urllib.error.HTTPError as error:
            status = error.code
        if status != wanted:
            yield f"/healthz/{page} is {status}"
    process.send_signal(signal.SIGTERM)
    try:
        process.communicate(timeout=START_S)
    except subprocess.TimeoutExpired:
        process.kill()
        yield "SIGTERM does not end it"
    if process.returncode != 0:
        yield f"it ends with {process.returncode}"


def mount(*arguments):
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise PermissionError(f"mount {' '.join(arguments)}: {done.stderr.strip()}")


def prepare(root):
    """Read-only, but for data_dir, which Kubernetes mounts."""
    system_call(libc.unshare(CLONE_NEWNS))
    mount("--make-rprivate", "/")
    mount("--bind", root, root)
    mount("-t", "tmpfs", "-o", f"uid={UID},gid={UID},mode=0700,size=1m", "tmpfs", root + "/var/lib/sagad")
    mount("-o", "remount,bind,ro", root)


def main(archive):
    if os.geteuid() != 0:
        print("refused: to run an image with its own root and user takes root", file=sys.stderr)
        return REFUSED
    with tempfile.TemporaryDirectory(prefix="sagad-image.") as folder:
        os.chmod(folder, 0o755)
        digest, root, image = read_image(archive, folder)
        found = list(check_content(root, image)) + list(check_no_paths(root, ("/src/", "/build/", "/out/")))
        found += check_breaks(root, image)
        child = os.fork()
        if child == 0:  # mounts are the child's own, and gone with it
            try:
                prepare(root)
            except (OSError, PermissionError) as error:
                print(f"refused: {error}", file=sys.stderr)
                os._exit(REFUSED)
            found = run_all(root, image)
            for finding in found:
                print(finding)
            sys.stdout.flush()
            os._exit(1 if found else 0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        for finding in found:
            print(finding)
        size = sum(status.st_size for _, status in files_of(root) if stat.S_ISREG(status.st_mode))
        print(f"image {digest}: {size / 2**20:.1f} MiB, {'sound' if code == 0 and not found else 'NOT sound'}")
        return 1 if found else code


def run_all(root, image):
    found = []
    for check in (
        says(root, image, "sagad ", ["--version"]),
        says(root, image, "", ["version"], program="/usr/bin/sagactl"),
        says(root, image, "the configuration is valid", ["--check"]),
        says(root, image, "unknown key", ["--check", "--set", "nats.ulr=x"], code=2),
        # Only data_dir can be written, whatever it is told.
        says(root, image, "Read-only file system", [], environment={"SAGAD_DATA_DIR": "/tmp/data"}, code=2),
        check_serving(root, image),
    ):
        found += check
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
