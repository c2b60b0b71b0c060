// What the mailbox and the locks refuse, and what they say of a CPU that does not answer.
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { compileHarness, type Handle, type Harness, instantiate } from "./harness.ts";

const PAUSE = 2;
const KILL = 4;
const VM_3 = 3;
/** hv/core/boot/vm-description.ts. */
const MAX_VMS = 16;
const MILLION = 1_000_000n;
const LIMIT = 2000n * MILLION;

let module: WebAssembly.Module;
before(async () => (module = await compileHarness()));

/** One CPU on real words; the others are what the test writes there. */
class Cpu {
  readonly words = new BigInt64Array(16384);
  readonly harness: Harness;
  readonly mailbox: Handle;
  readonly held: Handle;
  readonly rung: number[] = [];
  printed = "";
  clock = 0n;
  /** What happens at a turn of a wait. */
  onRelax: () => void = () => (this.clock += MILLION);
  onMail: (sender: number, kind: number, argument: number) => number = () => 0;
  mostOperations = 0;
  #operations = 0;

  readonly number: number;

  constructor(number = 0) {
    this.number = number;
    const { words } = this;
    const change = (word: number, value: (old: bigint) => bigint): bigint => {
      this.mostOperations = Math.max(this.mostOperations, ++this.#operations);
      const old = words[word]!;
      words[word] = value(old);
      return old;
    };
    this.harness = instantiate(module, {
      sharedLoad: (word) => change(word, (old) => old),
      sharedStore: (word, value) => void change(word, () => value),
      sharedExchange: (word, value) => change(word, () => value),
      sharedOr: (word, bits) => change(word, (old) => old | bits),
      relax: () => {
        this.#operations = 0;
        this.onRelax();
      },
      waitForInterrupt: () => assert.fail("nobody sleeps here"),
      rdtsc: () => this.clock,
      ring: (cpu) => void this.rung.push(cpu),
      onMail: (sender, kind, argument) => this.onMail(sender, kind, argument),
      print: (text) => (this.printed += text),
    });
    this.held = this.harness.createHeldLocks();
    this.mailbox = this.harness.createMailbox(number, this.held);
  }

  lock(lock: number): Handle {
    return this.harness.createLock(lock, this.number, this.held);
  }

  /** Another CPU takes what this one asks of it, and answers with `value` if that is given. */
  receive(receiver: number, value?: number): void {
    const word = this.harness.requestWord(this.number, receiver);
    const request = this.words[word]!;
    if (request === 0n) return;
    this.words[word] = 0n;
    if (value === undefined) return;
    this.words[this.harness.answerWord(this.number, receiver)] = (request & ~0xffffffffffn) | BigInt(value);
  }
}

describe("shared words", () => {
  it("are a word of its own for everything, within what the runtime has", () => {
    const { harness } = new Cpu();
    const cpus = harness.MAX_CPUS.value;
    const each = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
    const words = [
      ...each(cpus).flatMap((cpu) => [
        ...[harness.stateWord(cpu), harness.pendingWord(cpu), harness.progressWord(cpu)],
        ...[harness.createdWord(cpu), harness.surplusWord(cpu)],
      ]),
      ...each(MAX_VMS).flatMap((vm) => [
        ...[harness.resultWord(vm), harness.vmStateWord(vm), harness.ownerWord(vm)],
        ...[harness.movingBlockWord(vm), harness.movingObjectWord(vm)],
      ]),
      ...[harness.CONSOLE_SHOWN.value, harness.RAM_AVAILABLE.value],
      ...each(harness.RAM_WORDS.value).map((word) => harness.RAM_MAP.value + word),
      ...each(cpus * cpus).flatMap((n) => {
        const pair = [Math.floor(n / cpus), n % cpus] as const;
        return [harness.requestWord(...pair), harness.answerWord(...pair)];
      }),
      ...each(harness.LOCKS.value).flatMap((lock) => [
        harness.lockTailWord(lock),
        harness.lockHolderWord(lock),
        ...each(cpus + 1).map((node) => harness.lockNodeWord(lock, node)),
      ]),
    ];
    assert.equal(cpus, 64);
    assert.equal(harness.SHARED_WORDS.value, 32768);
    assert.equal(new Set(words).size, words.length);
    assert.ok(Math.max(...words) < harness.SHARED_WORDS.value);
  });
});

describe("a mailbox", () => {
  it("says who has not taken a request, withdraws it, and gives up after 2,000 million ticks", () => {
    const cpu = new Cpu(1);
    assert.equal(cpu.harness.ask(cpu.mailbox, 2, PAUSE, VM_3), 1n << 32n);
    assert.equal(
      cpu.printed,
      'basalt: error: CPU 2 has not taken the request "pause 3" of CPU 1 within 2000 million ticks: the request is withdrawn\n',
    );
    assert.equal(cpu.words[cpu.harness.requestWord(1, 2)], 0n);
    assert.deepEqual(cpu.rung, [2]);
    assert.ok(cpu.clock >= LIMIT && cpu.clock <= LIMIT + 2n * MILLION, `gave up at ${cpu.clock}`);
  });

  it("says who has taken a request and does not answer", () => {
    const cpu = new Cpu();
    cpu.onRelax = () => {
      cpu.clock += 10n * MILLION;
      cpu.receive(63);
    };
    assert.equal(cpu.harness.ask(cpu.mailbox, 63, KILL, VM_3), 2n << 32n);
    assert.equal(
      cpu.printed,
      'basalt: error: CPU 63 has taken the request "kill 3" of CPU 0 and not answered it within 2000 million ticks: it may still carry it out\n',
    );
  });

  it("names each CPU of several that is silent, and returns their bits", () => {
    const cpu = new Cpu();
    cpu.onRelax = () => {
      cpu.clock += 10n * MILLION;
      cpu.receive(2, 5);
    };
    assert.equal(cpu.harness.askAll(cpu.mailbox, 0b1110n, PAUSE, VM_3), 0b1010n);
    assert.match(cpu.printed, /CPU 1 has not taken.*\n.*CPU 3 has not taken.*\n$/);
    assert.equal(cpu.printed.split("\n").length, 3);
  });

  it("asks 63 CPUs that all ask it, and lets interrupts in after five operations at most", () => {
    const cpu = new Cpu();
    const { harness, words } = cpu;
    const others = Array.from({ length: 63 }, (_, n) => n + 1);
    const asked: number[] = [];
    cpu.onMail = (sender) => asked.push(sender);
    for (const other of others) words[harness.requestWord(other, 0)] = (1n << 40n) | (BigInt(PAUSE) << 32n);
    words[harness.pendingWord(0)] = -2n;
    cpu.onRelax = () => {
      if (asked.length === 63) for (const other of others) cpu.receive(other, other);
    };
    assert.equal(harness.askAll(cpu.mailbox, -2n, PAUSE, VM_3), 0n);
    assert.deepEqual(asked, others);
    assert.deepEqual(cpu.rung, others);
    assert.ok(cpu.mostOperations <= 5, `${cpu.mostOperations} operations`);
  });

  it("lets no handler ask, nor serve", () => {
    for (const [call, text] of [
      [(cpu: Cpu) => cpu.harness.ask(cpu.mailbox, 1, PAUSE, 0), /a handler of mail does not ask/],
      [(cpu: Cpu) => cpu.harness.serve(cpu.mailbox), /a handler of mail does not serve mail/],
    ] as const) {
      const cpu = new Cpu();
      cpu.words[cpu.harness.pendingWord(0)] = 4n;
      cpu.words[cpu.harness.requestWord(2, 0)] = (1n << 40n) | (1n << 32n);
      cpu.onMail = () => Number(call(cpu));
      assert.throws(() => cpu.harness.serve(cpu.mailbox), text);
    }
  });

  it("neither asks nor serves while its CPU holds a lock, and asks neither itself nor for what has no name", () => {
    const cpu = new Cpu(4);
    const lock = cpu.lock(0);
    cpu.harness.take(lock);
    assert.throws(() => cpu.harness.ask(cpu.mailbox, 1, PAUSE, 0), /a CPU that holds a lock does not ask/);
    assert.throws(() => cpu.harness.serve(cpu.mailbox), /a CPU that holds a lock serves no mail/);
    cpu.harness.release(lock);
    assert.throws(() => cpu.harness.ask(cpu.mailbox, 4, PAUSE, 0), /a CPU does not ask itself/);
    assert.throws(() => cpu.harness.ask(cpu.mailbox, 64, PAUSE, 0), /a CPU's number is below MAX_CPUS/);
    for (const kind of [0, 7]) {
      assert.throws(() => cpu.harness.ask(cpu.mailbox, 1, kind, 0), /a kind of mail is one of mail.ts/);
    }
  });

  it("numbers requests in a ring without 0, which the words hold before the first", () => {
    const { harness } = new Cpu();
    assert.equal(harness.nextSequence(0), 1);
    assert.equal(harness.nextSequence(0xfffffe), 0xffffff);
    assert.equal(harness.nextSequence(0xffffff), 1);
  });
});

describe("a lock", () => {
  it("is not taken twice by one CPU, and released by its holder alone", () => {
    const cpu = new Cpu(2);
    const lock = cpu.lock(7);
    assert.throws(() => cpu.harness.release(lock), /a lock is released by the CPU that holds it/);
    cpu.harness.take(lock);
    assert.throws(() => cpu.harness.take(lock), /a CPU takes a lock that it does not hold yet/);
    cpu.harness.release(lock);
    cpu.harness.take(lock);
    assert.equal(cpu.words[cpu.harness.lockHolderWord(7)], 3n);
  });

  it("of VM 3 that is not released ends the run with the names of both CPUs", () => {
    const cpu = new Cpu(1);
    const { harness, words } = cpu;
    words[harness.lockTailWord(3)] = 6n;
    words[harness.lockNodeWord(3, 6)] = 1n;
    words[harness.lockHolderWord(3)] = 6n;
    assert.throws(() => harness.take(cpu.lock(3)), /a lock is not released: deadlock, or a CPU that hangs/);
    assert.equal(
      cpu.printed,
      `basalt: error: CPU 1 waits for the lock of VM 3 of CPU 5, which is not released: deadlock, or a CPU that hangs ` +
        "(limit: 2000 million ticks)\n",
    );
    assert.ok(cpu.clock >= LIMIT && cpu.clock <= LIMIT + 2n * MILLION, `gave up at ${cpu.clock}`);
  });

  it("is waited for as long as it is handed on", () => {
    const cpu = new Cpu(0);
    const { harness, words } = cpu;
    words[harness.lockTailWord(0)] = 6n;
    words[harness.lockNodeWord(0, 6)] = 1n;
    // CPUs 1 to 5 have it one after the other, each for nine tenths of the limit.
    cpu.onRelax = () => {
      cpu.clock += MILLION;
      const holder = 1n + cpu.clock / ((LIMIT * 9n) / 10n);
      words[harness.lockHolderWord(0)] = holder + 1n;
      if (holder === 6n) words[harness.lockNodeWord(0, 6)] = 0n;
    };
    harness.take(cpu.lock(0));
    assert.ok(cpu.clock > 4n * LIMIT);
    assert.equal(words[harness.lockHolderWord(0)], 1n);
  });
});
