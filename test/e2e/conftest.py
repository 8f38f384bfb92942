"""Fixtures of the black-box tests: real processes in folders of their own, whose logs are shown when a test fails."""
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from lib.browser import Browser  # noqa: E402
from lib.console import Console  # noqa: E402
from lib.gateway import BINARY, Gateway  # noqa: E402


def pytest_report_header(config):
    return f"holdfast: {BINARY}"


@pytest.fixture(scope="session", autouse=True)
def the_binary_exists():
    if not BINARY.exists():
        pytest.exit(f"{BINARY} is not there; run `make build` or set HOLDFAST", 2)


class Farm:
    """Starts gateways and ends what is left of them."""

    def __init__(self, folder):
        self.folder, self.all = folder, []

    def __call__(self, changes=None, start=True, env=None, **options):
        gateway = Gateway(self.folder / f"gw{len(self.all)}", changes, **options)
        self.all.append(gateway)
        return gateway.start(env) if start else gateway

    def end(self):
        for gateway in self.all:
            gateway.kill()

    def logs(self):
        for gateway in self.all:
            for path in sorted(gateway.folder.glob("log*")):
                yield path, path.read_text(errors="replace")


@pytest.hookimpl(tryfirst=True, hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for farm in (item.funcargs.get("gateways"), *SHARED):
            if farm is not None:
                for path, text in farm.logs():
                    report.sections.append((f"{path.parent.name}/{path.name}", text[-6000:]))


SHARED = []


def farm_in(folder):
    farm = Farm(folder)
    yield farm
    farm.end()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def gateways(tmp_path):
    """gateways({changes}) starts one; everything ends with the test."""
    yield from farm_in(tmp_path)


@pytest.fixture
def gateway(gateways):
    """One with the usual configuration, for this test alone."""
    return gateways()


@pytest.fixture(scope="module")
def shared_gateway(tmp_path_factory):
    """As gateways, for all tests of a file."""
    for farm in farm_in(tmp_path_factory.mktemp("shared")):
        SHARED.append(farm)
        yield farm
        SHARED.remove(farm)


@pytest.fixture(scope="module")
def gw(shared_gateway):
    """One with the usual configuration, for all tests of a file: devices have names of their own."""
    return shared_gateway()


@pytest.fixture(scope="session")
def browser():
    """One for all files: to start it takes longer than most of what it is asked. Each gateway is an origin of its own to it, with nothing of the others."""
    with Browser() as one:
        yield one


@pytest.fixture(scope="module")
def signed_in(gw, browser):
    with Console(browser, gw.url()) as one:
        yield one.login(gw.keys["admin"])


@pytest.fixture
def admin(signed_in):
    """One page for most tests: to log in anew for each takes longer than they do."""
    yield signed_in
    signed_in.clean()
