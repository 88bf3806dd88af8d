"""One training step in PyTorch eager, one thread, batch 128: the peer of `examples/step.rs`.

`python3 bench.py mlp|lenet-10|lenet-100 [STEPS]` prints one line of JSON with median milliseconds of wall time and of the
process's CPU time. The step is forward pass, two-scale loss of arXiv 2106.02676 eq. (13) with the gradient through R(alpha)
of eq. (9) over the dense layers, backward pass, SGD on weights and scales.
"""
import json
import os
import resource
import statistics
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")
try:
    import torch
    import torch.nn as nn
    import torch.nn.functional as F
except ImportError:
    sys.exit("bench.py needs PyTorch: pip install torch")

BATCH = 128
torch.set_num_threads(1)
torch.manual_seed(1)


class LeNet(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 5), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2 = nn.Linear(400, 120), nn.Linear(120, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(784, 100), nn.Linear(100, 10)

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


def margin(x, y):
    correct = x.gather(1, y[:, None])[:, 0]
    return correct - x.scatter(1, y[:, None], -torch.inf).amax(1)


def main():
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in ("mlp", "lenet-10", "lenet-100"):
        sys.exit("usage: bench.py mlp|lenet-10|lenet-100 [STEPS]")
    steps = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    classes = 100 if name == "lenet-100" else 10
    if name == "mlp":
        model = Mlp()
        x = torch.rand(BATCH, 1, 28, 28) * (torch.rand(BATCH, 1, 28, 28) < 0.19)
    else:
        model = LeNet(classes)
        x = torch.rand(BATCH, 3, 32, 32) * 2 - 1
    y = torch.randint(0, classes, (BATCH,))
    dense = [model.fc1.weight, model.fc2.weight]
    size = lambda: dense[0].norm() * dense[1].norm()
    r1 = nn.Parameter(size().detach().clone())
    r2 = nn.Parameter(10 * size().detach())
    optimiser = torch.optim.SGD([*model.parameters(), r1, r2], lr=0.01)

    def step():
        optimiser.zero_grad(set_to_none=True)
        logits = model(x)
        scale = torch.where(margin(logits.detach(), y) < 0.01, r1, r2)
        loss = F.cross_entropy(logits / size() * scale[:, None], y)
        loss.backward()
        optimiser.step()
        return loss.item()

    for _ in range(20):
        step()
    wall, cpu = [], []
    for _ in range(steps):
        w, c = time.perf_counter(), time.process_time()
        loss = step()
        cpu.append(1e3 * (time.process_time() - c))
        wall.append(1e3 * (time.perf_counter() - w))
    print(json.dumps({
        "name": name, "peer": f"PyTorch {torch.__version__} eager",
        "wall_ms": round(statistics.median(wall), 4), "cpu_ms": round(statistics.median(cpu), 4), "fastest_ms": round(min(cpu), 4),
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, "loss": round(loss, 4),
    }))


main()
