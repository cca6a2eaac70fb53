"""The `gateway` command. Exit codes: 0 fine, 1 a check failed, 2 bad usage or configuration."""

import argparse
import asyncio
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from gateway import __version__
from gateway.settings import Settings, SettingsError, load_settings

FINE, CHECK_FAILED, MISUSE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit code."""
    given = _parser().parse_args(arguments)
    try:
        return int(given.run(given))
    except SettingsError as error:
        print(f"gateway: {error}", file=sys.stderr)
        return MISUSE
    except OSError as error:
        print(f"gateway: {error.strerror or error}", file=sys.stderr)
        return MISUSE
    except KeyboardInterrupt:
        return FINE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gateway", description="GraphQL and REST in front of Evolux.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serving = commands.add_parser("serve", help="run the service")
    serving.add_argument("--config", type=Path, required=True, metavar="FILE")
    serving.add_argument("--host", help="overrides [server] host")
    serving.add_argument("--port", type=_port, help="overrides [server] port")
    serving.add_argument("--workers", type=_count, metavar="N", help="overrides [server] workers")
    serving.set_defaults(run=_serve)

    demo = commands.add_parser("demo", help="simulator and gateway together, no config file")
    demo.add_argument("--port", type=_port, default=8000)
    demo.add_argument("--agents", type=_count, default=62, metavar="N")
    demo.set_defaults(run=_demo)

    simulating = commands.add_parser("simulate", help="an Evolux to develop against")
    simulating.add_argument("--port", type=_port, default=8001)
    simulating.add_argument("--agents", type=_count, default=62, metavar="N")
    simulating.add_argument("--token", default="simulator-token", metavar="T")
    simulating.add_argument("--latency-ms", type=_milliseconds, default=0, metavar="N")
    simulating.add_argument("--live", action="store_true", help="agents change their state on their own")
    simulating.add_argument(
        "--seed", type=int, default=1, metavar="N", help="another number, another population"
    )
    simulating.set_defaults(run=_simulate)

    checking = commands.add_parser("check", help="read the config and ask each tenant's Evolux for a page")
    checking.add_argument("--config", type=Path, required=True, metavar="FILE")
    checking.set_defaults(run=_check)

    commands.add_parser("schema", help="print the SDL").set_defaults(run=_schema)
    return parser


# Each command loads only what it runs: the simulator alone needs a fifth of what the service does.


def _serve(given: argparse.Namespace) -> int:
    gc.disable()  # until all is loaded: its rounds over what stays anyway are a fifth of the start
    from gateway.main.serving import serve  # noqa: PLC0415

    settings = _with_overrides(load_settings(given.config, environ=os.environ), given=given)
    serve(settings, config_path=given.config)
    return FINE


def _with_overrides(settings: Settings, *, given: argparse.Namespace) -> Settings:

    overrides = {key: getattr(given, key) for key in ("host", "port", "workers")}
    server = msgspec.structs.replace(
        settings.server, **{key: value for key, value in overrides.items() if value is not None}
    )
    return msgspec.structs.replace(settings, server=server)


def _demo(given: argparse.Namespace) -> int:
    gc.disable()  # until all is loaded, as for `serve`
    from gateway.main.demonstration import DemoSettings, demonstrate  # noqa: PLC0415

    demonstrate(DemoSettings(port=given.port, agents=given.agents))
    return FINE


def _simulate(given: argparse.Namespace) -> int:
    from gateway.simulator.server import SimulatorSettings  # noqa: PLC0415
    from gateway.simulator.server import serve as serve_simulator  # noqa: PLC0415

    serve_simulator(
        SimulatorSettings(
            port=given.port,
            agents=given.agents,
            token=given.token,
            latency_ms=given.latency_ms,
            live=given.live,
            seed=given.seed,
        )
    )
    return FINE


def _check(given: argparse.Namespace) -> int:
    from gateway.main.checking import check_tenants  # noqa: PLC0415
    from gateway.telemetry.logs import configure_logs  # noqa: PLC0415

    configure_logs(level="off")  # the table says it all
    settings = load_settings(given.config, environ=os.environ)
    table, is_fine = asyncio.run(check_tenants(settings, environ=os.environ))
    print(table)
    return FINE if is_fine else CHECK_FAILED


def _schema(_given: argparse.Namespace) -> int:
    from gateway.schema.schema import print_sdl  # noqa: PLC0415

    sys.stdout.write(print_sdl())
    return FINE


def _port(text: str) -> int:
    return _number(text, lowest=0, highest=65_535)


def _count(text: str) -> int:
    return _number(text, lowest=1, highest=100_000)


def _milliseconds(text: str) -> int:
    return _number(text, lowest=0, highest=60_000)


def _number(text: str, *, lowest: int, highest: int) -> int:
    if not text.isascii() or not text.isdigit() or not lowest <= int(text[:9]) <= highest:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from {lowest} to {highest}")
    return int(text)
