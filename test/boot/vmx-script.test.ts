// Holds the simulated processor of the unit tests against Bochs: the same core, the same script, line by line.
// Bochs's "ignore_bad_msrs" and its own deviations from the SDM are named below; the simulated processor keeps to the SDM.
import assert from "node:assert/strict";
import { test } from "node:test";
import { runImage } from "../../tools/emulators/run-image.ts";
import { bochsPc } from "../unit/core/machine/bochs-pc.ts";
import { cpuModel } from "../unit/core/machine/cpu-model.ts";
import { boot, type Run } from "../unit/core/machine/machine.ts";

const INVALID_GUEST_STATE = "0x80000021 VM-entry failure due to invalid guest state, exit qualification 0x0";

interface Deviation {
  readonly step: RegExp;
  readonly sdm: string;
  readonly bochs: RegExp;
  readonly rule: string;
}

/** Where Bochs 2.7 does not do what the SDM says. */
const deviations: readonly Deviation[] = [
  {
    step: /^VM-entry controls: entry to SMM$/,
    sdm: "VMfailValid(7)",
    bochs: /0x80000021/,
    rule: '3C 27.2.1.3: outside SMM "entry to SMM" is an invalid control, Bochs finds the guest\'s state invalid',
  },
  {
    step: /^guest CR0\.PG is 0$/,
    sdm: INVALID_GUEST_STATE,
    bochs: /EPT violation/,
    rule: "3C 27.3.1.1: an IA-32e mode guest needs CR0.PG, Bochs enters if it is an unrestricted guest",
  },
  {
    step: /^guest SS with DPL 3$/,
    sdm: INVALID_GUEST_STATE,
    bochs: /EPT violation/,
    rule: "3C 27.3.1.2: CS.DPL equals SS.DPL for non-conforming code, Bochs compares with CS.RPL",
  },
  {
    step: /^guest RIP with bit 48$/,
    sdm: INVALID_GUEST_STATE,
    bochs: /Triple fault/,
    rule: "3C 27.3.1.4: bits 63:48 of RIP are alike in 64-bit mode, Bochs does not look",
  },
  {
    step: /^NMI injected, NMI blocks$/,
    sdm: INVALID_GUEST_STATE,
    bochs: /Triple fault/,
    rule: "3C 27.3.1.5: with virtual NMIs no NMI is injected while NMIs are blocked, Bochs does not look",
  },
  {
    step: /^BS without TF, MOV SS blocks$/,
    sdm: INVALID_GUEST_STATE,
    bochs: /EPT violation|Triple fault/,
    rule: "3C 27.3.1.5: while MOV SS blocks, BS is pending only with RFLAGS.TF, Bochs does not look",
  },
  {
    step: /^an x2APIC register in the entry MSR-load area$/,
    sdm: "0x80000022 VM-entry failure due to MSR loading, exit qualification 0x1",
    bochs: /EPT violation|Triple fault/,
    rule: "3C 27.4: MSRs 800H to 8FFH cannot be loaded, Bochs with ignore_bad_msrs does it on CPUs without x2APIC",
  },
  {
    step: /./,
    sdm: "EPT violation, exit qualification 0x83",
    bochs: /EPT violation, exit qualification 0x82$/,
    rule: "3C 28.2.1: with accessed and dirty flags for EPT a page walk sets bits 0 and 1, Bochs sets bit 1 only",
  },
];

const seen = new Set<Deviation>();

/** Basalt's own lines of a run in Bochs. */
async function linesOfBochs(cpu: string, append: string): Promise<string[]> {
  const run = await runImage({ on: "bochs", cpu, append, timeoutSeconds: 120 });
  assert.equal(run.ended, "result", run.summary);
  return run.lines.filter((line) => line.startsWith("basalt: "));
}

function linesOfNode(run: Run): string[] {
  return [...run.lines, `basalt: result ${run.result} ${run.name}`];
}

/** What is another machine's, not another behaviour: memory size, addresses of the host, time. */
function normalise(line: string): string {
  return line
    .replace(/\d+ MiB of RAM free/, "N MiB of RAM free")
    .replace(/vmm at 0x[0-9a-f]+/, "vmm at 0xADDRESS")
    .replace(/EPTP 0x[0-9a-f]{13}/, "EPTP 0xADDRESS")
    .replace(/\d+ ticks, \d+ each/, "N ticks, N each")
    .replace(/(ran|took) \d+ ticks/, "$1 N ticks")
    .replace(/out-of-bounds access at 0x[0-9a-f]+ of/, "out-of-bounds access at 0xADDRESS of");
}

const isFrame = /^basalt: error: vm\d: {3}(?:in|from) /;

const interrupts = /^basalt: vm(\d): exit 1 External interrupt: (\d+) exits/;

/** The host's timer interrupts come when they come, each with a VM entry more: the lines without them. */
function withoutInterrupts(lines: readonly string[]): string[] {
  const counts = new Map(
    lines.flatMap((line) => {
      const [, vm, count] = interrupts.exec(line) ?? [];
      return vm ? [[vm, Number(count)] as const] : [];
    }),
  );
  const uncounted = (text: string, vm: string, end: string, entries: string): string =>
    `${text}${end}, ${Number(entries) - (counts.get(vm) ?? 0)} VM entries`;
  return lines
    .filter((line) => !interrupts.test(line))
    .map((line) =>
      line.replace(
        /^(basalt: vm(\d): ended: )(.+), (\d+) VM entries/,
        (_, text: string, vm: string, end: string, entries: string) => uncounted(text, vm, end, entries),
      ),
    );
}

/** The lines, normalised; the functions of a stopped vmm are left out: compilers inline them as they like. */
/** The simulated machine's clocks are as fast as they like. */
const isRate = /^basalt: debug: time-stamp counter: /;

function comparable(lines: readonly string[]): string[] {
  return withoutInterrupts(lines)
    .filter((line) => !isFrame.test(line) && !isRate.test(line))
    .map(normalise);
}

function isDeviation(node: string, bochs: string): boolean {
  const [, step = "", outcome = ""] = /^basalt: script (.+?): (VM(?:succeed|fail).*)$/.exec(node) ?? [];
  if (!bochs.startsWith(`basalt: script ${step}: `)) return false;
  const row = deviations.find((row) => row.step.test(step) && outcome.includes(row.sdm) && row.bochs.test(bochs));
  if (row) seen.add(row);
  return row !== undefined;
}

for (const cpu of ["corei7_skylake_x", "corei5_lynnfield_750", "core2_penryn_t9600"]) {
  test(`every VMX instruction of the script ends on the simulated ${cpu} as it does in Bochs`, async () => {
    const bochs = comparable(await linesOfBochs(cpu, "vmx-script"));
    const node = comparable(linesOfNode(boot({ ...bochsPc, commandLine: "vmx-script", cpu: cpuModel(cpu) })));
    const script = node.filter((line) => line.startsWith("basalt: script "));
    assert.ok(script.length > 120, `the script has ${script.length} steps, expected more than 120`);
    const agreed = bochs.map((line, i) => (isDeviation(node[i] ?? "", line) ? node[i] : line));
    assert.deepEqual(node, agreed);
  });
}

test("every deviation of Bochs that is named here was met", () => {
  assert.deepEqual(
    deviations.filter((row) => !seen.has(row)).map(({ rule }) => rule),
    [],
  );
});

const exitLine = /^basalt: debug: vm\d: exit \d+ .+, RIP 0x[0-9a-f]+, length \d+, qualification 0x[0-9a-f]+$/;

test("a boot with guests that end well and vmms that stop says the same in Bochs and on the simulated machine", async () => {
  const guests = "guest=hlt,count,fault-bounds,fault-unreachable,fault-stack,fault-assert,ept,real";
  const commandLine = `${guests} iterations=3 loglevel=debug`;
  const bochs = await linesOfBochs("corei7_skylake_x", commandLine);
  const node = linesOfNode(boot({ ...bochsPc, commandLine }));
  assert.deepEqual(comparable(node), comparable(bochs));
  const exits = bochs.filter((line) => exitLine.test(line));
  assert.equal(exits.length, 3 + 3 + 3 + 8, "the record of each instruction that was completed is among the lines");
});
