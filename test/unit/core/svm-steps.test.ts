// A step over a watched access by SVM, which has RFLAGS.TF for it alone: what it hides of itself, and what it lets wait.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertEnd } from "./assertions.ts";
import { ryzen, tcgMax } from "./machine/cpu-model.ts";
import { cpuid, io, nmi, vmcall, type Exit } from "./machine/exits.ts";
import type { Guest } from "./machine/guest.ts";
import { boot, type Run } from "./machine/machine.ts";
import { hasSvmFeature, withSvmFeature } from "./machine/svm/features.ts";
import { reason, vcpuPage } from "./machine/tables.ts";

const clean = withSvmFeature(ryzen, "cleanBits");
const WATCHED = 0x30000n;
const TF = 1n << 8n;
const IF = 1n << 9n;
const BTF = 2n;
const BS = 1n << 14n;
const DEBUG = 0x301;

const violation: Exit = {
  reason: reason("EXIT_REASON_EPT_VIOLATION"),
  qualification: 0x181n,
  fields: { GUEST_PHYSICAL_ADDRESS: WATCHED, GUEST_LINEAR_ADDRESS: WATCHED },
};
const step: Exit = {
  reason: reason("EXIT_REASON_EXCEPTION_OR_NMI"),
  qualification: BS,
  fields: { VM_EXIT_INTERRUPTION_INFORMATION: 0x80000301n },
};
const isOpen = (guest: Guest): boolean => guest.hostAddress(WATCHED) !== null;
const trapFlag = (guest: Guest): boolean => (guest.vmcs.get("GUEST_RFLAGS") & TF) !== 0n;
const events = (run: Run): number[] => run.machine.entry.delivered.flat().map(({ event }) => event);

for (const cpu of [clean, tcgMax]) {
  describe(`on a ${cpu.name} a step`, () => {
    // Without LBR virtualization a guest has no IA32_DEBUGCTL in the processor.
    const btf = hasSvmFeature(cpu, "branchRecords") ? BTF : 0n;
    const run = (script: (guest: Guest) => Generator<Exit>): Run => {
      const ended = boot({
        commandLine: "guest=count watch=0:30000-31000:noaccess:count",
        cpu,
        answer: (page) => {
          if (page.get("exitKind") !== BigInt(vcpuPage("EXIT_PORT"))) return null;
          page.set("waitingInterrupt", BigInt(vcpuPage("INTERRUPT_WAITS")) | 0x31n);
          return vcpuPage("ANSWER_NEXT_INSTRUCTION") | vcpuPage("ANSWER_AND_REQUEST");
        },
        scripts: [
          function* (guest) {
            yield* script(guest);
            yield vmcall;
          },
        ],
      });
      assertEnd(ended, "ok");
      return ended;
    };

    test("leaves TF, BTF and DR6 as the guest had them", () => {
      const ended = run(function* (guest) {
        guest.vmcs.set("GUEST_IA32_DEBUGCTL", btf);
        guest.processor.writeRegister("DR6", BS | 1n);
        for (let i = 0; i < 3; i++) {
          yield violation;
          assert.ok(trapFlag(guest) && isOpen(guest));
          assert.equal(guest.processor.unswitched.get("DR6")! & BS, 0n, "the step's own BS can be told");
          yield step;
          assert.ok(!trapFlag(guest) && !isOpen(guest));
          assert.equal(guest.vmcs.get("GUEST_IA32_DEBUGCTL"), btf);
          assert.equal(guest.processor.unswitched.get("DR6")! & 0xe00fn, BS);
        }
        guest.vmcs.set("GUEST_IA32_DEBUGCTL", 0n);
      });
      assert.deepEqual(events(ended), []);
    });

    test("of a guest that steps itself ends in its own #DB", () => {
      const ended = run(function* (guest) {
        guest.vmcs.set("GUEST_RFLAGS", guest.vmcs.get("GUEST_RFLAGS") | TF);
        yield violation;
        yield step;
        assert.ok(!isOpen(guest));
        assert.equal(guest.processor.unswitched.get("DR6")! & BS, BS);
      });
      assert.deepEqual(events(ended), [DEBUG]);
      assert.ok((ended.machine.entry.delivered.flat()[0]!.rflags & TF) !== 0n);
    });

    test("over an instruction that exits is over when that is done", () => {
      const ended = run(function* (guest) {
        yield violation;
        yield cpuid;
        assert.ok(!trapFlag(guest) && !isOpen(guest));
      });
      assert.deepEqual(events(ended), []);
    });

    test("goes on behind an NMI of the host's", () => {
      run(function* (guest) {
        yield violation;
        yield nmi;
        assert.ok(trapFlag(guest) && isOpen(guest));
        yield step;
        assert.ok(!isOpen(guest));
      });
    });

    test("lets an interrupt wait for its end", () => {
      const ended = run(function* (guest) {
        yield io(0x70n, false);
        yield { ...violation, fields: { ...violation.fields, GUEST_RFLAGS: IF | 2n } };
        assert.ok(isOpen(guest));
        yield { ...nmi, fields: { ...nmi.fields, GUEST_RFLAGS: IF | TF | 2n } };
        yield { ...step, fields: { ...step.fields, GUEST_RFLAGS: IF | TF | 2n } };
        assert.ok(!isOpen(guest));
      });
      assert.deepEqual(events(ended), [0x31]);
    });
  });
}
