// What a processor can do, read from the text that a tool printed about it.
import { CPUID_BY_NAME } from "./names.ts";
import { CpuidLines } from "./read/cpuid.ts";
import { Findings, type Note, type Refusal } from "./read/findings.ts";
import { isJson, readJsonCapabilities } from "./read/json-capabilities.ts";
import { MsrLines } from "./read/msrs.ts";
import { Vmxcap } from "./read/vmxcap.ts";

export interface CapabilitiesRead {
  /** By capability name (names.ts), with the line that told it, from 1. */
  values: Map<string, { value: bigint; line: number }>;
  notes: Note[];
}

/** What prints the MSRs on Linux, as root with msr-tools: those that the processor lacks are left out. */
export const READ_MSRS = `for i in $(seq 1152 1171); do v=$(rdmsr $i) && printf '0x%x: %s\\n' $i $v; done`;

/** Longer texts hold something else: InstLatx64's longest dump, of all 272 processors of a chip, has 1.3 million. */
const LONGEST_TEXT = 16_000_000;

/** Lines that begin what is told of one logical processor. */
const PROCESSOR =
  /^(?:-{2,20}\[ )?(?:CPUID Registers|MSR Registers)\b.{0,60}#\d|^CPU \d{1,4}:\s*$|^processor\s{0,8}:\s\d/i;

/**
 * Reads VMX capability MSRs and CPUID in the forms in which tools print them: rdmsr and loops over it, kernel logs,
 * vmxcap, `cpuid -r`, InstLatx64, VirtualBox's log, Basalt's own debug lines, /proc/cpuinfo and lscpu for the widths
 * of addresses, and JSON. Numbers are hexadecimal, but the widths of addresses and the numbers of JSON. Where only a
 * width of addresses is told, the other bits of CPUID.80000008.EAX are 0. Where the text tells the highest leaf of
 * CPUID, words of higher leaves are 0. Two values for one thing, a bad number and a text that tells nothing are refused.
 */
export function readCapabilities(text: string): CapabilitiesRead | Refusal {
  if (text.length > LONGEST_TEXT) {
    const found = `Found a text of ${text.length} letters, expected at most ${LONGEST_TEXT}`;
    return { line: 1, reason: `${found}: give what the tool printed.` };
  }
  const findings = new Findings();
  const refusal = isJson(text) ? readJsonCapabilities(findings, text) : readLines(findings, text);
  if (refusal !== null) return refusal;
  findings.takeMissingLeaves(CPUID_BY_NAME);
  if (findings.isEmpty) {
    const expected = "MSRs 0x480 to 0x493 by name or index, or CPUID as `cpuid -r` prints it";
    return {
      line: 1,
      reason: `Found no capability of a processor, expected ${expected}: give the output of \`${READ_MSRS}\`.`,
    };
  }
  return { values: findings.values(), notes: findings.notes };
}

function readLines(findings: Findings, text: string): Refusal | null {
  const msrs = new MsrLines(findings);
  const vmxcap = new Vmxcap(findings);
  const cpuid = new CpuidLines(findings);
  for (const [i, line] of text.split(/\r\n|\r|\n/).entries()) {
    if (line.trim() === "") continue;
    const number = i + 1;
    if (PROCESSOR.test(line)) findings.nextCpu();
    const result = vmxcap.read(line, number) || msrs.read(line, number) || cpuid.read(line, number);
    if (typeof result === "object") return result;
    if (!result && /^vmx flags\s{0,8}:/.test(line)) {
      findings.note(
        number,
        "The vmx flags of /proc/cpuinfo name what Linux uses and tell no MSR, so they are left out.",
      );
    }
  }
  return vmxcap.finish();
}
