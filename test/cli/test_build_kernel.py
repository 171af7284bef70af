# SPDX-License-Identifier: LGPL-2.1-or-later
"""ipe-build-kernel: refusals, the configuration, and what becomes of packages and directories.

The kernel's source is a few lines of make that build in no time; the long tests configure Debian's.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

import keys
from conftest import build_directory

NAMES = {"linux-image-6.12.1-ipe-small-amd64", "linux-headers-6.12.1-ipe-small-amd64"}
# It takes every setting, but those in the file "refused" of the source. The packages are the environment of the build.
MAKEFILE = """\
kernelversion:
\t@cat version
allnoconfig:
\tgrep -v -f refused $(KCONFIG_ALLCONFIG) >$(O)/.config
olddefconfig:
\t@true
bindeb-pkg:
\ttest ! -e slow || sleep 600
\ttest ! -e full || cat version >/dev/full
\ttest ! -e broken || { echo 'cc: no such luck' >&2; exit 1; }
\tenv | sort >$(O)/../linux-image-6.12.1-ipe-small-amd64_$(KDEB_PKGVERSION)_amd64.deb
\tcp $(O)/ipe-certificates.pem $(O)/../linux-headers-6.12.1-ipe-small-amd64_$(KDEB_PKGVERSION)_amd64.deb || \\
\techo none >$(O)/../linux-headers-6.12.1-ipe-small-amd64_$(KDEB_PKGVERSION)_amd64.deb
"""


@pytest.fixture(scope="session")
def prefix(tmp_path_factory):
    """Where 'meson install' puts the program and what it needs."""
    directory = tmp_path_factory.mktemp("installed")
    subprocess.run(["meson", "install", "-C", build_directory(), "--no-rebuild", "--tags", "kernel", "--destdir", directory], check=True,
                   stdout=subprocess.DEVNULL)
    return directory / "usr"


@dataclass
class Tool:
    program: Path
    directory: Path
    source: Path

    def command(self, *arguments, config="small"):
        return [self.program, f"--config={config}", f"--source={self.source}", *arguments]

    def run(self, *arguments, status=0, config="small", environment=None):
        result = subprocess.run(self.command(*arguments, config=config), cwd=self.directory, capture_output=True, text=True,
                                errors="surrogateescape", stdin=subprocess.DEVNULL, env={**os.environ, **(environment or {})})
        assert result.returncode == status, result.stderr
        assert "Traceback" not in result.stderr
        return result

    def refuses(self, *arguments, **options):
        """Returns the sentence. Nothing is left in the output directory."""
        result = self.run(*arguments, status=1, **options)
        assert not result.stdout
        assert not list(self.output.glob("*")) and not list(self.output.glob(".*"))
        return result.stderr

    @property
    def output(self):
        return self.directory / "out"

    @property
    def work(self):
        return self.directory / "work"


@pytest.fixture
def tool(prefix, tmp_path):
    source = tmp_path / "source"
    (source / "scripts/package").mkdir(parents=True)
    (source / "Makefile").write_text(MAKEFILE)
    (source / "scripts/package/mkdebian").write_text("echo $(date -R)\n")
    (source / "version").write_text("6.12.1\n")
    (source / "refused").write_text("CONFIG_NOTHING\n")
    (tmp_path / "out").mkdir()
    return Tool(prefix / "bin/ipe-build-kernel", tmp_path, source)


def packages(directory):
    return {path.name.split("_")[0] for path in directory.iterdir()}


def test_what_is_installed(prefix):
    names = {str(path.relative_to(prefix)) for path in prefix.rglob("*") if path.is_file()}
    assert {"bin/ipe-build-kernel", "share/ipe/kernel/ipe.config", "src/ipe/lsm/Kconfig", "src/ipe/policy/parse.c"} <= names
    assert not {name for name in names if name.endswith("meson.build")}


def test_version(tool):
    assert tool.run("--version").stdout.split()[0] == "ipe-build-kernel"
    assert "@" not in tool.run("--version").stdout


def test_packages_are_in_the_output_directory_and_nothing_else(tool):
    result = tool.run("--output=out")
    assert packages(tool.output) == NAMES
    assert {Path(line).name.split("_")[0] for line in result.stdout.splitlines()} == NAMES
    assert not list(tool.output.glob(".*"))
    assert {path.name for path in tool.directory.iterdir()} == {"source", "out"}


def test_output_with_odd_name(tool):
    odd = tool.directory / "a b'\"\n$(x) \udcff"
    tool.run(f"--output={odd}", "--work=work")
    assert packages(odd) == NAMES


def test_default_work_directory_below_an_odd_output_directory_is_refused(tool):
    odd = tool.directory / "a b"
    assert "without spaces" in tool.refuses(f"--output={odd}")
    assert not list(odd.iterdir())


def test_environment_of_the_user_does_not_matter(tool):
    results = []
    for environment in ({}, {"KCFLAGS": "-O9", "ARCH": "arm64", "MAKEFLAGS": "-n", "TZ": "Asia/Tokyo", "KBUILD_BUILD_HOST": "mine"}):
        tool.run("--output=out", "--work=work", environment=environment)
        image = next(tool.output.glob("linux-image*"))
        results.append(image.read_text())
    assert results[0] == results[1] and "KBUILD_BUILD_HOST=ipe" in results[0]
    assert "CCACHE_DISABLE=1" in results[0]


def test_certificate_goes_into_the_kernel(tool):
    certificate = tool.directory / "a certificate's \"name\".pem"
    shutil.copy(keys.directory() / "test.crt", certificate)
    tool.run("--output=out", "--work=work", f"--certificate={certificate}")
    assert next(tool.output.glob("linux-headers*")).read_text() == certificate.read_text()
    assert 'CONFIG_SYSTEM_TRUSTED_KEYS="ipe-certificates.pem"' in (tool.work / "build/.config").read_text()
    tool.run("--output=out", "--work=work")
    assert 'CONFIG_SYSTEM_TRUSTED_KEYS=""' in (tool.work / "build/.config").read_text()


def test_private_key_is_refused(tool):
    both = tool.directory / "both.pem"
    both.write_bytes((keys.directory() / "test.crt").read_bytes() + (keys.directory() / "test.key").read_bytes())
    assert "private key" in tool.refuses("--output=out", "--work=work", f"--certificate={both}")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_file_that_is_no_certificate_is_refused(tool, content):
    (tool.directory / "signer.crt").write_bytes(content)
    assert "signer.crt" in tool.refuses("--output=out", "--certificate=signer.crt")


def test_module_key_is_named_and_not_copied(tool):
    key = tool.directory / "mok.pem"
    key.write_bytes((keys.directory() / "test.crt").read_bytes() + (keys.directory() / "test.key").read_bytes())
    tool.run("--output=out", "--work=work", f"--module-key={key}")
    config = (tool.work / "build/.config").read_text()
    assert "CONFIG_MODULE_SIG_ALL=y" in config and 'CONFIG_MODULE_SIG_KEY="ipe-module-key.pem"' in config
    assert (tool.work / "build/ipe-module-key.pem").readlink() == key
    tool.run("--output=out", "--work=work")
    assert "# CONFIG_MODULE_SIG_ALL is not set" in (tool.work / "build/.config").read_text()


@pytest.mark.parametrize("name, what", [("test.crt", "no private key without a password"), ("test.key", "no certificate")])
def test_half_of_a_module_key_is_refused(tool, name, what):
    assert what in tool.refuses("--output=out", f"--module-key={keys.directory() / name}")


@pytest.mark.parametrize("arguments, sentence", [
    (["--release=7.3"], "There is no security module for Linux 7.3, only for 6.12"),
    (["--config=no-such-file"], "Cannot read the configuration 'no-such-file': No such file or directory"),
    (["--config=source/Makefile"], "'source/Makefile' is not a kernel configuration"),
    (["--config=source"], "Cannot read the configuration 'source': Is a directory"),
    (["--certificate=no-such-file"], "Cannot read the certificate 'no-such-file': No such file or directory"),
    (["--module-key=no-such-file"], "Cannot read the key 'no-such-file'"),
    (["--source=no-such-file"], "There is no 'no-such-file'"),
    (["--source=out"], "'out' is not a kernel source: it has no Makefile"),
    (["--source=source/version"], "Cannot unpack 'source/version'"),
    (["--jobs=0"], "--jobs= takes a number from 1 on"),
    (["--output=source/version"], "Cannot make the directory 'source/version': File exists"),
    (["--work=source/version"], "'source/version' is not a directory that you own"),
    (["--work=no/such/directory"], "Cannot make the directory 'no/such/directory': No such file or directory"),
    (["--work=source"], "/source' has files that ipe-build-kernel did not make"),
])
def test_refusals(tool, arguments, sentence):
    assert sentence in tool.refuses("--output=out", *arguments)


def test_unknown_option_is_a_usage_error(tool):
    tool.run("--no-such-option", status=2)


def test_missing_packages_are_named(tool):
    programs = tool.directory / "programs"
    programs.mkdir()
    (programs / "dpkg-query").write_text("#!/bin/sh\necho 'installed bc'\necho 'config-files flex'\n")
    (programs / "dpkg-query").chmod(0o755)
    errors = tool.refuses("--output=out", environment={"PATH": f"{programs}:{os.environ['PATH']}"})
    assert "run 'apt install bison " in errors and " flex " in errors and " bc " not in errors


def test_setting_that_the_kernel_does_not_take_is_named(tool):
    (tool.source / "refused").write_text("CONFIG_SECURITY_IPE=\n")
    assert "CONFIG_SECURITY_IPE is n, not y" in tool.refuses("--output=out")


@pytest.mark.parametrize("list_of_modules, result", [("yama", "yama,ipe"), ("ipe,yama", "ipe,yama"), ("", "n")])
def test_own_configuration_keeps_its_list_of_modules(tool, list_of_modules, result):
    (tool.directory / "own.config").write_text(f'CONFIG_64BIT=y\nCONFIG_LSM="{list_of_modules}"\n')
    if result == "n":
        assert "without ipe" in tool.refuses("--output=out", "--configure-only", config="own.config")
        return
    tool.run("--output=out", "--configure-only", config="own.config")
    (config,) = tool.output.iterdir()
    assert config.name == "config-6.12.1-ipe-custom-amd64" and f'CONFIG_LSM="{result}"' in config.read_text()


def test_own_configuration_that_loads_only_signed_modules_needs_a_key(tool):
    (tool.directory / "own.config").write_text('CONFIG_LSM="ipe"\nCONFIG_MODULE_SIG_FORCE=y\n')
    assert "name a key with --module-key=" in tool.refuses("--output=out", "--configure-only", config="own.config")


def test_source_of_another_release_is_refused(tool):
    (tool.source / "version").write_text("6.1.1\n")
    assert "is Linux 6.1.1, not 6.12" in tool.refuses("--output=out")


def test_source_that_is_not_clean_is_refused(tool):
    (tool.source / ".config").touch()
    assert "run 'make mrproper' there" in tool.refuses("--output=out")


def test_failed_build_shows_why_and_leaves_nothing(tool):
    (tool.source / "broken").touch()
    errors = tool.refuses("--output=out", "--work=work")
    assert "Cannot build the kernel" in errors and "cc: no such luck" in errors


def test_build_on_a_full_disk_says_how_much_it_takes(tool):
    (tool.source / "full").touch()
    errors = tool.refuses("--output=out", "--work=work")
    assert "Cannot build the kernel: the disk is full; a build takes " in errors and "GiB" in errors


def pack(tool):
    tarball = tool.directory / "source.tar.xz"
    with tarfile.open(tarball, "w:xz") as archive:
        archive.add(tool.source, "linux-source-6.12")
    return tarball


def test_tarball(tool):
    tool.run("--output=out", f"--source={pack(tool)}")
    assert packages(tool.output) == NAMES


def test_truncated_tarball_is_refused_and_the_whole_one_is_not_mistaken_for_it(tool):
    tarball = pack(tool)
    whole = tarball.read_bytes()
    tarball.write_bytes(whole[:len(whole) // 2])
    assert "Cannot unpack" in tool.refuses("--output=out", "--work=work", f"--source={tarball}")
    tarball.write_bytes(whole)
    tool.run("--output=out", "--work=work", f"--source={tarball}")
    assert packages(tool.output) == NAMES


def test_second_build_leaves_unchanged_sources_alone(tool):
    def times():
        return {path: path.stat().st_mtime_ns for path in (tool.work / "source").rglob("*") if path.is_file()}
    tool.run("--output=out", "--work=work")
    before = times()
    tool.run("--output=out", "--work=work")
    changed = {path.name for path, mtime in times().items() if before[path] != mtime}
    assert changed <= {"mkdebian"}


def test_changed_source_replaces_what_a_work_directory_has(tool):
    tool.run("--output=out", "--work=work")
    ours = tool.work / "source/security/ipe/hooks.c"
    ours.write_text("something else")
    (ours.parent / "left-over.c").touch()
    tool.run("--output=out", "--work=work")
    assert "something else" not in ours.read_text()
    assert not (ours.parent / "left-over.c").exists()


def test_changelog_has_a_date_that_does_not_change(tool):
    tool.run("--output=out", "--work=work")
    assert "SOURCE_DATE_EPOCH" in (tool.work / "source/scripts/package/mkdebian").read_text()


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o1777])
def test_work_directory_that_others_write_to_is_refused(tool, mode):
    tool.work.mkdir()
    tool.work.chmod(mode)
    assert "nobody else can write to" in tool.refuses("--output=out", "--work=work")


def test_work_directory_that_is_a_link_is_refused(tool):
    (tool.directory / "elsewhere").mkdir()
    tool.work.symlink_to("elsewhere")
    assert "nobody else can write to" in tool.refuses("--output=out", "--work=work")


@pytest.mark.parametrize("name", ["a b", "a:b", "a\nb", "a'b", "a#b", "ä"])
def test_work_directory_that_make_does_not_take_is_refused(tool, name):
    assert "without spaces" in tool.refuses("--output=out", f"--work={tool.directory / name}")


def test_link_in_the_output_directory_is_replaced_and_not_followed(tool):
    tool.run("--output=out", "--work=work")
    target = tool.directory / "precious"
    target.write_text("precious")
    for path in list(tool.output.iterdir()):
        path.unlink()
        path.symlink_to(target)
    tool.run("--output=out", "--work=work")
    assert target.read_text() == "precious"
    assert not any(path.is_symlink() for path in tool.output.iterdir())


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def running(tool):
    """Processes that work in the directory of the test."""
    return [path for path in Path("/proc").glob("[0-9]*/cwd") if reads_link(path).startswith(str(tool.directory))]


def reads_link(path):
    try:
        return os.readlink(path)
    except OSError:
        return ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("arguments", [[], ["--work=work"]])
def test_interrupted_build_leaves_nothing(tool, number, arguments):
    (tool.source / "slow").touch()
    child = subprocess.Popen(tool.command("--output=out", *arguments), cwd=tool.directory, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: any(b"sleep\x00600" in read(path.parent / "cmdline") for path in running(tool)))
    child.send_signal(number)
    _, errors = child.communicate()
    assert child.returncode == 128 + number and errors.endswith("interrupted\n")
    wait_for(lambda: not running(tool))
    assert not list(tool.output.iterdir())


def read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_second_build_in_a_work_directory_is_refused(tool):
    tool.run("--output=out", "--work=work")
    for path in tool.output.iterdir():
        path.unlink()
    with open(tool.work / "ipe-build-kernel.work", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "Another ipe-build-kernel works in" in tool.refuses("--output=out", "--work=work")


def in_small_file_system(tool, size, *arguments):
    """Runs it where "work" or "out" is a small file system of its own."""
    script = f'mount -t tmpfs -o size={size} tmpfs "$1"; shift; "$@"; status=$?; ls -A out >out.list; exit $status'
    return subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", *arguments, *tool.command("--output=out", "--work=work")],
                          cwd=tool.directory, capture_output=True, text=True)


def test_work_directory_without_room_is_refused_at_once(tool):
    tool.work.mkdir(mode=0o755)
    # mount(8) leaves the mode of a tmpfs at 1777 unless told otherwise.
    result = in_small_file_system(tool, "1m,mode=755", "work")
    assert result.returncode == 1 and "There is not enough room in" in result.stderr and "GiB are needed" in result.stderr


def test_full_output_directory_gets_no_half_package(tool):
    # One page: the directory of the temporary names fits, the packages do not.
    result = in_small_file_system(tool, "4k", "out")
    assert result.returncode == 1 and "No space left on device" in result.stderr
    assert not (tool.directory / "out.list").read_text()


@pytest.fixture(scope="session")
def configured(prefix, tmp_path_factory):
    """The directory, and the text of the small configuration of Debian's kernel."""
    directory = tmp_path_factory.mktemp("configured")
    subprocess.run([prefix / "bin/ipe-build-kernel", "--config=small", "--configure-only", "--output=out"], cwd=directory, check=True)
    (config,) = (directory / "out").iterdir()
    assert config.name.startswith("config-6.12.") and config.name.endswith("-ipe-small-amd64")
    return directory, config.read_text()


@pytest.mark.long
def test_configuration_does_not_tell_where_it_was_made(configured):
    directory, text = configured
    assert str(directory) not in text


@pytest.mark.long
def test_configuration_has_ipe(configured):
    _, text = configured
    assert "CONFIG_SECURITY_IPE=y" in text
    modules = next(line for line in text.splitlines() if line.startswith("CONFIG_LSM="))
    assert "ipe" in modules.split('"')[1].split(",")
