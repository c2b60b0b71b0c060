// A run of the fuzzer: episodes, each the life of one VM under one mixture of traffic, replayed exactly by its seed.
import { installCode, CODE_END } from "./guest-code.ts";
import { ANSWER, Finding, HostileVm, RAM_BYTES, type Shape } from "./hostile-vm.ts";
import { loadImage } from "./images.ts";
import { anyInstruction, stringPorts, taskTables } from "./instruction-traffic.ts";
import * as interrupts from "./interrupt-traffic.ts";
import * as ports from "./port-traffic.ts";
import { partSeed, Random } from "./random.ts";
import * as virtio from "./virtio-traffic.ts";

/** What one step does: some exits. It knows of nothing but the VM and the random numbers, so that steps can be left out. */
type Step = (vm: HostileVm, random: Random, shape: Shape) => void;

/** A mixture: steps with their weights. */
interface Traffic {
  readonly name: string;
  /** Steps of an episode. */
  readonly steps: number;
  readonly writesOpen: boolean;
  readonly writesAnywhere: boolean;
  readonly mixture: readonly (readonly [weight: number, step: Step])[];
}

const quietStrings: Step = (vm, random) => stringPorts(vm, random, true);
const loudStrings: Step = (vm, random) => stringPorts(vm, random, false);

const EVENTS: Traffic["mixture"] = [
  [8, interrupts.time],
  [6, interrupts.deliver],
  [1, interrupts.halt],
  [1, interrupts.taskPriority],
  [1, ports.typing],
];
const DEVICES: Traffic["mixture"] = [
  [4, ports.timer],
  [4, ports.interruptControllers],
  [4, ports.clockChip],
  [4, ports.serialPort],
  [2, ports.powerManagement],
  [6, ports.somePort],
  [5, interrupts.localApic],
  [4, interrupts.ioApic],
  [3, interrupts.msrs],
  [1, interrupts.counterOffset],
];
const VIRTIO: Traffic["mixture"] = [
  [1, virtio.startDevice],
  [16, virtio.request],
  [3, virtio.scribble],
  [4, virtio.structures],
  [2, virtio.configuration],
];

/** They take turns. */
const TRAFFIC: readonly Traffic[] = [
  {
    name: "devices",
    steps: 20_000,
    writesOpen: false,
    writesAnywhere: false,
    mixture: [...EVENTS, ...DEVICES, [1, quietStrings], [2, interrupts.quiet]],
  },
  {
    name: "virtio",
    steps: 10_000,
    writesOpen: true,
    writesAnywhere: false,
    mixture: [...EVENTS, ...VIRTIO, [1, interrupts.localApic], [1, interrupts.ioApic], [1, loudStrings]],
  },
  {
    name: "instructions",
    steps: 20_000,
    writesOpen: true,
    writesAnywhere: true,
    mixture: [
      [30, anyInstruction],
      [2, taskTables],
      [1, loudStrings],
      [1, interrupts.time],
    ],
  },
  {
    name: "noise",
    steps: 15_000,
    writesOpen: true,
    writesAnywhere: true,
    mixture: [
      ...EVENTS,
      ...DEVICES,
      ...VIRTIO,
      [6, ports.anyPort],
      [6, virtio.anyDeviceMemory],
      [2, virtio.capabilities],
      [4, anyInstruction],
    ],
  },
  {
    name: "large requests",
    steps: 200,
    writesOpen: true,
    writesAnywhere: false,
    mixture: [
      [4, virtio.startDevice],
      [6, virtio.largeRequest],
      [4, interrupts.time],
    ],
  },
  { name: "kernels", steps: 300, writesOpen: true, writesAnywhere: true, mixture: [[1, loadImage]] },
];

const DISKS = [0, 512, (1 << 20) - 1, 1 << 20, 1 << 20];
const LARGE_DISK = 17 << 20;
const KILOHERTZ = [1, 1000, 1_000_000, 2_400_000, 4_294_967];
const HYPERCALL_GUEST = 11;

/** An episode of a run: its number says which traffic it is. */
export class Episode {
  readonly traffic: Traffic;
  readonly #seed: number;
  readonly #shape: Shape;
  readonly #random = new Random();
  readonly #steps: readonly Step[];

  constructor(runSeed: number, number: number) {
    this.traffic = TRAFFIC[number % TRAFFIC.length]!;
    this.#seed = partSeed(runSeed, number);
    const random = this.#random;
    random.seed(this.#seed);
    const isLarge = this.traffic.name === "large requests";
    this.#shape = {
      diskBytes: isLarge ? LARGE_DISK : random.of(DISKS),
      diskIsReadOnly: random.once(4),
      hasRawConsole: random.once(2),
      tscKilohertz: random.once(2) ? random.of(KILOHERTZ) : 1 + random.below(10_000_000),
      seed: random.u32(),
    };
    this.#steps = this.traffic.mixture.flatMap(([weight, step]) => new Array<Step>(weight).fill(step));
  }

  /** Makes the VM and goes through `steps`, numbers below `traffic.steps`, in their order. Throws what it finds. */
  run(vm: HostileVm, steps: Iterable<number>, onStep: (step: number) => void): void {
    const random = this.#random;
    const { traffic } = this;
    random.seed(this.#seed);
    vm.create(this.#shape, HYPERCALL_GUEST, RAM_BYTES);
    vm.ticksPerLook = random.once(2) ? random.below(100) : random.below(100_000);
    vm.writes.open = traffic.writesOpen;
    vm.writes.anywhere = traffic.writesAnywhere;
    this.#start(vm);
    const resets = vm.answers[ANSWER.reset]!;
    let seen = resets;
    for (const step of steps) {
      onStep(step);
      random.seed(partSeed(this.#seed, step + 1));
      this.#steps[random.below(this.#steps.length)]!(vm, random, this.#shape);
      if (vm.answers[ANSWER.reset] === seen) continue;
      seen = vm.answers[ANSWER.reset]!;
      this.#startAnew(vm);
    }
    vm.checkSurroundings(CODE_END);
  }

  #start(vm: HostileVm): void {
    if (vm.load() !== ANSWER.resume) throw new Finding("the guest was not loaded");
    installCode(vm);
    vm.paint(CODE_END, RAM_BYTES);
  }

  /** As core does it: RAM is zero again, and nothing waits. */
  #startAnew(vm: HostileVm): void {
    vm.checkSurroundings(CODE_END);
    vm.bytes.fill(0, 0, RAM_BYTES);
    vm.forgetEvents();
    this.#start(vm);
  }
}

/** The numbers below `count`. */
function* upTo(count: number): Generator<number> {
  for (let i = 0; i < count; i++) yield i;
}

/** What a run is to do. */
export interface Run {
  readonly seed: number;
  /** Stops behind the episode in which so many exits are done. */
  readonly operations: number;
  /** Asked before each episode; others have a turn meanwhile. */
  readonly mayGoOn: () => boolean;
}

/** What was found, and where: `episode` and `step` are null where it was seen at the end of the run. */
export interface Found {
  readonly at: { readonly episode: number; readonly step: number } | null;
  readonly finding: Finding;
}

/** Runs episodes. What was found first, or null. */
export async function fuzz(vm: HostileVm, { seed, operations, mayGoOn }: Run): Promise<Found | null> {
  for (let episode = 0; vm.operations < operations && mayGoOn(); episode++) {
    const current = new Episode(seed, episode);
    let step = -1;
    const finding = findingOf(() => current.run(vm, upTo(current.traffic.steps), (at) => (step = at)));
    if (finding) return { at: { episode, step }, finding };
    await new Promise(setImmediate);
  }
  const finding = findingOf(() => vm.checkAllMemory());
  return finding && { at: null, finding };
}

/** What `work` throws, if it is a finding. */
export function findingOf(work: () => void): Finding | null {
  try {
    work();
    return null;
  } catch (error) {
    if (error instanceof Finding) return error;
    throw error;
  }
}
