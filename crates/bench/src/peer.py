"""The peer of `cargo xtask bench`: the same calls in PyTorch eager, on one thread.

Requests come on standard input, a line of JSON each: `load` (followed by the images and labels as bytes) makes an untrained
network, `call` does something a number of times and answers with the milliseconds of each (`wall`) and the mean CPU time (`cpu`).
A training step is forward pass, two-scale loss of arXiv 2106.02676 eq. (13) with the gradient through R(alpha) of eq. (9) over
the dense layers, backward pass, SGD on weights and scales (momentum and weight decay as requested).
"""
import json
import signal
import sys
import time

signal.signal(signal.SIGINT, signal.SIG_DFL)
try:
    import torch
    import torch.nn as nn
    import torch.nn.functional as F
except ImportError as error:
    sys.exit(f"python3 has no PyTorch ({error})")

torch.set_num_threads(1)
torch.manual_seed(1)


class Network(nn.Module):
    """LeNet-5 or the MLP, with the ReLU on the logits that the figures are trained with."""

    def __init__(self, channels, hidden, shape, classes):
        super().__init__()
        if channels:
            self.conv1, self.conv2 = nn.Conv2d(shape[0], channels[0], 5), nn.Conv2d(channels[0], channels[1], 5)
            # 32 - 28 - 14 - 10 - 5.
            inputs = channels[1] * 25
        else:
            self.conv1, self.conv2 = None, None
            inputs = shape[0] * shape[1] * shape[2]
        self.fc1, self.fc2 = nn.Linear(inputs, hidden[0]), nn.Linear(hidden[0], classes)

    def forward(self, x):
        if self.conv1 is not None:
            x = F.max_pool2d(F.relu(self.conv1(x)), 2)
            x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return F.relu(self.fc2(F.relu(self.fc1(x.flatten(1)))))


class Unit(nn.Module):
    """Pre-activated residual unit."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.bn1, self.bn2 = nn.BatchNorm2d(inputs), nn.BatchNorm2d(outputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        same = inputs == outputs and stride == 1
        self.shortcut = None if same else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x):
        active = F.relu(self.bn1(x))
        inner = self.conv2(F.relu(self.bn2(self.conv1(active))))
        return inner + (x if self.shortcut is None else self.shortcut(active))


class WideResNet(nn.Module):
    """Wide residual network WRN-depth-width, without an activation of the logits."""

    def __init__(self, depth, width, shape, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(shape[0], 16, 3, 1, 1, bias=False)
        channels, units = 16, []
        for group in range(3):
            for unit in range((depth - 4) // 6):
                outputs = 16 * width << group
                units.append(Unit(channels, outputs, 2 if group and not unit else 1))
                channels = outputs
        self.units, self.bn = nn.Sequential(*units), nn.BatchNorm2d(channels)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x):
        return self.fc(F.relu(self.bn(self.units(self.conv1(x)))).mean((2, 3)))


def margin(x, y):
    """Logit of the right class minus the largest other one."""
    right = x.gather(1, y[:, None])[:, 0]
    return right - x.scatter(1, y[:, None], -torch.inf).amax(1)


class Training:
    def __init__(self, request, images, labels):
        self.batch, self.evaluated, self.whole = request["batch"], request["evaluated"], request["whole"]
        self.white, self.half = request["white"], request["half"]
        self.pixels = images.view(-1, *request["shape"])
        self.labels = labels.long()
        self.superclass = None if request["superclass"] is None else torch.tensor(request["superclass"])
        if request["depth"]:
            self.model = WideResNet(request["depth"], request["width"], request["shape"], request["classes"])
        else:
            self.model = Network(request["channels"], request["hidden"], request["shape"], request["classes"])
        with torch.no_grad():
            size = self.size()
        self.r1, self.r2 = nn.Parameter(size.clone()), nn.Parameter(10 * size)
        groups = [
            {"params": list(self.model.parameters()), "weight_decay": request["weight_decay"]},
            {"params": [self.r1, self.r2], "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.SGD(groups, lr=0.1, momentum=request["momentum"])
        self.ready = list(zip(self.scale(self.pixels).split(self.batch), self.labels.split(self.batch)))
        self.logits = nn.Parameter(self.model(self.ready[0][0]).detach())
        # As large as the whole training set, so that gathering misses the caches as it does there.
        self.order = self.all_pixels = self.all_labels = None
        self.at = 0

    def size(self):
        """R(alpha), eq. (9)."""
        dense = [layer for layer in self.model.children() if isinstance(layer, nn.Linear)]
        size = dense[0].weight.norm()
        for layer in dense[1:]:
            size = size * layer.weight.norm()
        return size

    def scale(self, pixels):
        x = pixels.float() / self.white
        return (x - 0.5) / 0.5 if self.half else x

    def loss_of(self, logits, y, size):
        scale = torch.where(margin(logits.detach(), y) < 0.01, self.r1, self.r2)
        return F.cross_entropy(logits / size * scale[:, None], y)

    def step_on(self, x, y):
        self.optimiser.zero_grad(set_to_none=True)
        logits = self.model(x)
        loss = self.loss_of(logits, y, self.size())
        correct = (logits.detach().argmax(1) == y).sum()
        loss.backward()
        self.optimiser.step()
        # What a run keeps of every step.
        return loss.item(), correct.item(), self.r1.item(), self.r2.item()

    def step(self):
        self.step_on(*self.ready[self.at % len(self.ready)])

    def gathered_step(self):
        if self.order is None:
            times = -(-self.whole // len(self.pixels))
            self.all_pixels = self.pixels.repeat(times, 1, 1, 1)[: self.whole]
            self.all_labels = self.labels.repeat(times)[: self.whole]
        position = self.at % (self.whole // self.batch)
        if self.order is None or position == 0:
            self.order = torch.randperm(self.whole)
        chosen = self.order[position * self.batch : (position + 1) * self.batch]
        self.step_on(self.scale(self.all_pixels[chosen]), self.all_labels[chosen])

    def loss(self):
        self.logits.grad = self.r1.grad = self.r2.grad = None
        size = self.size().detach()
        self.loss_of(self.logits, self.ready[0][1], size).backward()

    def some(self):
        begin = self.at * self.evaluated % (len(self.pixels) - self.evaluated + 1)
        return self.scale(self.pixels[begin : begin + self.evaluated]), self.labels[begin : begin + self.evaluated]

    @torch.no_grad()
    def count(self):
        x, y = self.some()
        return (self.model(x).argmax(1) == y).sum().item()

    @torch.no_grad()
    def evaluate(self):
        """What a record holds of every object."""
        x, y = self.some()
        logits, size = self.model(x), self.size()
        p = F.softmax(logits * (self.r1 / size), 1)
        right = p.gather(1, y[:, None])
        same = right if self.superclass is None else p * (self.superclass[None] == self.superclass[y][:, None])
        return [
            p.argmax(1).numpy(), (logits > logits.gather(1, y[:, None])).sum(1).numpy(), right[:, 0].numpy(), p.amax(1).numpy(),
            same.amax(1).numpy(), (margin(logits, y) / size).numpy(),
        ]


def measure(call, training, times):
    wall, before = [], time.process_time()
    for _ in range(times):
        begin = time.perf_counter()
        training.at += 1
        call()
        wall.append(1e3 * (time.perf_counter() - begin))
    return {"wall": wall, "cpu": 1e3 * (time.process_time() - before) / times}


def answer(value):
    print(json.dumps(value), flush=True)


def main():
    answer({"name": f"PyTorch {torch.__version__} eager, one thread"})
    training = None
    for line in iter(sys.stdin.buffer.readline, b""):
        request = json.loads(line)
        if request["do"] == "load":
            channels, height, width = request["shape"]
            objects = request["objects"]
            read = lambda length: torch.frombuffer(bytearray(sys.stdin.buffer.read(length)), dtype=torch.uint8)
            images = read(objects * channels * height * width)
            training = Training(request, images, read(objects))
            answer({"objects": len(training.labels)})
        else:
            call = getattr(training, request["what"].replace("-", "_"))
            answer(measure(call, training, request["times"]))


main()
