"""Reference values of batch normalisation and of a small wide residual network, computed with PyTorch autograd in float64.
`python wide_resnet.py OUTDIR SEED` (needs torch and safetensors) writes wide_resnet.safetensors; the values beside this file have
seed 2106. Parameters are stored in single precision and are exact there; of a long gradient every 7th entry is stored."""
import os, sys
import torch, torch.nn as nn, torch.nn.functional as F
from safetensors.torch import save_file
torch.set_default_dtype(torch.float64)
out, seed = sys.argv[1], int(sys.argv[2])
os.makedirs(out, exist_ok=True)
g = torch.Generator().manual_seed(seed)
exact = lambda x: x.float().double()
rn = lambda *shape: exact(torch.randn(*shape, generator=g))
stride = lambda x: x.flatten()[::7] if x.numel() > 600 else x
T = {}

# ---- batch normalisation with ReLU behind it: two batches in training, one in evaluation -------------------
bn = nn.BatchNorm2d(5)
bn.weight.data, bn.bias.data = rn(5), rn(5)
T |= {"bn.gamma": bn.weight.data.clone(), "bn.beta": bn.bias.data.clone()}
for batch in range(2):
    x = (rn(3, 5, 4, 2) * 2 + 1).requires_grad_()
    into = rn(3, 5, 4, 2)
    bn.zero_grad()
    y = F.relu(bn(x))
    (y * into).sum().backward()
    p = f"bn.train{batch}"
    T |= {f"{p}.x": x.detach(), f"{p}.into": into, f"{p}.y": y.detach(), f"{p}.grad.x": x.grad, f"{p}.grad.gamma": bn.weight.grad.clone(),
          f"{p}.grad.beta": bn.bias.grad.clone(), f"{p}.running_mean": bn.running_mean.clone(), f"{p}.running_var": bn.running_var.clone()}
bn.eval()
x = rn(2, 5, 3, 3)
T |= {"bn.eval.x": x, "bn.eval.y": F.relu(bn(x)).detach()}

# ---- WRN-10-1 on 3x9x8 images, 5 classes: odd sides, so that halving rounds up ------------------------------
class Unit(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.bn1, self.bn2 = nn.BatchNorm2d(cin), nn.BatchNorm2d(cout)
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.shortcut = None if cin == cout and stride == 1 else nn.Conv2d(cin, cout, 1, stride, bias=False)
    def forward(self, x):
        a = F.relu(self.bn1(x))
        h = self.conv2(F.relu(self.bn2(self.conv1(a))))
        return h + (x if self.shortcut is None else self.shortcut(a))

class WideResNet(nn.Module):
    def __init__(self, depth, width, classes):
        super().__init__()
        n, cin = (depth - 4) // 6, 16
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        for group in (1, 2, 3):
            units = nn.Module()
            for u in range(1, n + 1):
                cout = 16 * width * 2 ** (group - 1)
                units.add_module(f"unit{u}", Unit(cin, cout, 2 if group > 1 and u == 1 else 1))
                cin = cout
            self.add_module(f"group{group}", units)
        self.bn, self.fc = nn.BatchNorm2d(cin), nn.Linear(cin, classes)
        self.n = n
    def forward(self, x):
        x = self.conv1(x)
        for group in (1, 2, 3):
            for u in range(1, self.n + 1): x = getattr(getattr(self, f"group{group}"), f"unit{u}")(x)
        return self.fc(F.relu(self.bn(x)).mean((2, 3)))

net = WideResNet(10, 1, 5)
for name, p in net.named_parameters():
    if p.ndim == 4: p.data = rn(*p.shape) * (2 / p[0].numel()) ** 0.5
    elif p.ndim == 2: p.data = rn(*p.shape) * 0.2
    else: p.data = rn(*p.shape) * 0.2 + (1.0 if name.endswith("weight") else 0.0)
    p.data = exact(p.data)
    T[f"wrn.{name}"] = p.data.float().clone()
x, y = rn(4, 3, 9, 8), torch.randint(0, 5, (4,), generator=g)
z = net(x)
loss = F.cross_entropy(z, y)
loss.backward()
T |= {"wrn.x": x, "wrn.y": y, "wrn.train.logits": z.detach(), "wrn.train.loss": loss.detach()}
for name, p in net.named_parameters(): T[f"wrn.grad.{name}"] = stride(p.grad)
for name, b in net.named_buffers():
    if not name.endswith("tracked"): T[f"wrn.after.{name}"] = b.clone()
net.eval()
T["wrn.eval.logits"] = net(x).detach()

# ---- label smoothing: share 1-e on the label, e/(K-1) on every other class ---------------------------------
z, y, e = (rn(6, 7) * 3).requires_grad_(), torch.randint(0, 7, (6,), generator=g), 0.1
q = torch.full((6, 7), e / 6).scatter(1, y[:, None], 1 - e)
per = -(q * F.log_softmax(z, 1)).sum(1)
per.sum().backward()
T |= {"smoothed.logits": z.detach(), "smoothed.labels": y, "smoothed.epsilon": torch.tensor(e), "smoothed.per_sample": per.detach(), "smoothed.grad": z.grad}

# ---- four ASAM steps of that network with T = |w| on everything, weight decay and momentum, moments in both passes or in the first --
for moves in ("both", "first"):
    torch.manual_seed(seed)
    net.load_state_dict({n: (T[f"wrn.{n}"].double() if f"wrn.{n}" in T else (torch.ones_like(v) if n.endswith("var") else torch.zeros_like(v))) for n, v in net.state_dict().items()})
    net.train()
    ps = dict(net.named_parameters()); buf = {n: torch.zeros_like(p) for n, p in ps.items()}; losses = []
    for step in range(4):
        xs, ys = T["wrn.x"] * (1 + 0.1 * step), T["wrn.y"]
        l = F.cross_entropy(net(xs), ys); losses.append(l.item())
        grad = torch.autograd.grad(l, list(ps.values()))
        norm = sum((p.detach().abs() * d).square().sum() for p, d in zip(ps.values(), grad)).sqrt() + 1e-12
        before = {n: p.detach().clone() for n, p in ps.items()}
        with torch.no_grad():
            for p, d in zip(ps.values(), grad): p.add_(0.5 * p.square() * d / norm)
        moments = {n: b.clone() for n, b in net.named_buffers()}
        grad = torch.autograd.grad(F.cross_entropy(net(xs), ys), list(ps.values()))
        with torch.no_grad():
            if moves == "first":
                for n, b in net.named_buffers(): b.copy_(moments[n])
            for (n, p), d in zip(ps.items(), grad):
                p.copy_(before[n]); buf[n].mul_(0.9).add_(d + 5e-4 * p); p.sub_(0.05 * buf[n])
    q = f"wrn-asam.{moves}"
    T[f"{q}.losses"] = torch.tensor(losses)
    T |= {f"{q}.{n}": stride(p.detach().clone()) for n, p in ps.items() if n in ("conv1.weight", "bn.weight", "bn.bias", "fc.weight", "fc.bias", "group2.unit1.shortcut.weight")}
    T |= {f"{q}.{n}": b.clone() for n, b in net.named_buffers() if n in ("bn.running_mean", "bn.running_var")}
save_file({k: v.contiguous().clone() for k, v in T.items()}, f"{out}/wide_resnet.safetensors")
print(len(T), "tensors")
