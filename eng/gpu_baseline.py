#!/usr/bin/env python3
"""What Python does with the same networks on this GPU, for eng/gpu-check: diffusers eager and under torch.compile, or, where diffusers
cannot be imported, TorchScript traces of its networks (eng/trace-diffusers), called from Python.

    gpu_baseline.py --networks FOLDER [--traces FOLDER] --batch 1,16 --precision float32,bfloat16 [--ours REPORT.json …] --out FILE.json

FOLDER holds a diffusers folder for each network; the traces are FOLDER/NAME.pt. The JSON has the form of a report of `ddpm bench`. With
--ours, reports of `ddpm bench forward` on the same machine, a table says how many times faster ours is than the fastest of these.
"""

import argparse
import contextlib
import json
import pathlib
import statistics
import sys
import time

import torch

try:
    from diffusers import UNet2DModel
except ImportError:
    UNet2DModel = None

DTYPES = {"float32": torch.float32, "tfloat32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
WARM_UPS = 5


def contestants(name, options, precision):
    """Name and function (sample, timestep) of each way to run a network; each is made when its turn comes, and dropped after it."""
    folder, dtype = options.networks / name, DTYPES[precision]
    if UNet2DModel is not None:
        def network(memory_format):
            made = UNet2DModel.from_pretrained(str(folder / "unet"), low_cpu_mem_usage=False).eval().requires_grad_(False)
            made = made.to(options.device, dtype).to(memory_format=memory_format)
            return lambda sample, timestep: made(sample, timestep, return_dict=False)[0]

        yield "diffusers eager", lambda: network(torch.contiguous_format)
        yield "diffusers eager, channels last", lambda: network(torch.channels_last)
        if options.compile:
            yield "diffusers torch.compile", lambda: torch.compile(network(torch.channels_last), mode="reduce-overhead", dynamic=False)
    elif options.traces and (trace := options.traces / f"{name}.pt").exists():
        def traced():  # in float32: a trace casts to the type that it was made in, so that other types come by autocast
            made = torch.jit.load(str(trace), map_location=options.device).eval()

            def call(sample, timestep):
                with torch.autocast(torch.device(options.device).type, dtype=dtype, enabled=dtype != torch.float32):
                    return made(sample.float(), timestep)

            return call

        yield "TorchScript from Python", traced


def seconds_of(call, device, runs):
    synchronize = torch.cuda.synchronize if device.startswith("cuda") else lambda: None
    times = []
    for turn in range(WARM_UPS + runs):
        synchronize()
        begin = time.perf_counter()
        call()
        synchronize()
        if turn >= WARM_UPS:
            times.append(time.perf_counter() - begin)
    return times


def spread(values):
    lower, median, upper = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return {"median": median, "lowerQuartile": lower, "upperQuartile": upper, "min": min(values), "max": max(values), "runs": len(values)}


def measure(options):
    for name in options.network_names:
        side = json.loads((options.networks / name / "unet" / "config.json").read_text())["sample_size"]
        for precision in options.precision:
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tfloat32"
            for title, make in contestants(name, options, precision):
                for batch in options.batch:
                    try:
                        if options.compile:
                            torch.compiler.reset()  # each batch is compiled for itself, as by someone who wants the fastest
                        call = make()
                        sample = torch.randn(batch, 3, side, side, device=options.device, dtype=DTYPES[precision])
                        if "channels last" in title or "compile" in title:
                            sample = sample.contiguous(memory_format=torch.channels_last)
                        timestep = torch.full((batch,), 500, device=options.device)
                        times = seconds_of(lambda: call(sample, timestep), options.device, options.runs)
                        yield {"name": f"{title}, a call", "unit": "ms", "network": name, "batch": batch, "precision": precision, "value": spread([1000 * t for t in times])}
                    except Exception as fault:  # a contestant that cannot run must not end the others' run, and is named
                        print(f"{title}, {name}, {precision}, batch {batch}: {type(fault).__name__}: {' '.join(str(fault).split())[:200]}", file=sys.stderr)
                    call = None
                    with contextlib.suppress(Exception):
                        torch.cuda.empty_cache()


def compare(measures, reports):
    theirs, ours = {}, {}
    for row in measures:
        key = row["network"], row["precision"], row["batch"]
        if key not in theirs or row["value"]["median"] < theirs[key]["value"]["median"]:
            theirs[key] = row
    for report in reports:
        for row in json.loads(report.read_text())["measures"]:
            if row["name"].startswith("ours"):
                ours[row["network"], row["precision"], row["batch"]] = row
    print(f"{'network':10}{'precision':12}{'batch':>6}{'ours, ms':>12}{'Python, ms':>12}{'ratio':>8}  the fastest in Python")
    for key in sorted(theirs.keys() & ours.keys()):
        own, best = ours[key]["value"]["median"], theirs[key]["value"]["median"]
        print(f"{key[0]:10}{key[1]:12}{key[2]:>6}{own:12.3f}{best:12.3f}{best / own:8.2f}  {theirs[key]['name'].removesuffix(', a call')}")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--networks", type=pathlib.Path, required=True)
    arguments.add_argument("--traces", type=pathlib.Path)
    arguments.add_argument("--batch", type=lambda text: [int(number) for number in text.split(",")], default=[1, 16, 64, 256])
    arguments.add_argument("--precision", type=lambda text: text.split(","), default=["float32", "tfloat32", "bfloat16"])
    arguments.add_argument("--device", default="cuda")
    arguments.add_argument("--runs", type=int, default=20)
    arguments.add_argument("--no-compile", dest="compile", action="store_false")
    arguments.add_argument("--ours", type=pathlib.Path, nargs="*", default=[])
    arguments.add_argument("--out", type=pathlib.Path, required=True)
    options = arguments.parse_args()
    options.network_names = sorted(folder.name for folder in options.networks.iterdir() if folder.is_dir())
    with torch.no_grad():
        measures = list(measure(options))
    machine = torch.cuda.get_device_name(options.device) if options.device.startswith("cuda") else "cpu"
    options.out.write_text(json.dumps({"machine": machine, "versions": {"torch": torch.__version__, "diffusers": UNet2DModel is not None}, "measures": measures}, indent=2) + "\n")
    if not measures:
        sys.exit("nothing to compare with: diffusers cannot be imported, and no trace could be run")
    compare(measures, options.ours)


if __name__ == "__main__":
    main()
