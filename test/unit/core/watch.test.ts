// Watched pages of a guest on the simulated machine: the option, each action, and a step by either way.
import assert from "node:assert/strict";
import { describe } from "node:test";
import { assertEnd } from "./assertions.ts";
import { skylake, type CpuModel } from "./machine/cpu-model.ts";
import { vmcall, type Exit, type Script } from "./machine/exits.ts";
import type { Guest } from "./machine/guest.ts";
import { boot, type Run } from "./machine/machine.ts";
import { control, reason } from "./machine/tables.ts";
import { vendor } from "./machine/vendor.ts";
import { isVmx, onSvm, onVmx, test } from "./vendors.ts";

/** A Skylake that allows the control "monitor trap flag". */
const trapping = ["IA32_VMX_PROCBASED_CTLS", "IA32_VMX_TRUE_PROCBASED_CTLS"].reduce(
  (cpu, name) => cpu.withMsr(name, cpu.msr(name) | (1n << 59n)),
  skylake,
);
const WATCHED = 0x30000n;
const READ = 0x181n;
const WRITE = 0x182n;
const FETCH = 0x184n;
const TF = 1n << 8n;
const PRIMARY = "PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS";

function violation(guest: Guest, qualification: bigint, physical = WATCHED): Exit {
  const fields = { GUEST_PHYSICAL_ADDRESS: physical, GUEST_LINEAR_ADDRESS: physical };
  return { reason: reason("EXIT_REASON_EPT_VIOLATION"), qualification, rip: guest.rip, fields };
}

const trapFlag: Exit = { reason: reason("EXIT_REASON_MONITOR_TRAP_FLAG") };
/** The same, where RFLAGS.TF is set too: the #DB is pending. */
const firstTrapFlag: Exit = { ...trapFlag, fields: { GUEST_PENDING_DEBUG_EXCEPTIONS: 1n << 14n } };
/** #DB by a single step: vector 1, type 3, valid; the qualification has BS. */
const debugException: Exit = {
  reason: reason("EXIT_REASON_EXCEPTION_OR_NMI"),
  qualification: 1n << 14n,
  fields: { VM_EXIT_INTERRUPTION_INFORMATION: 0x80000301n },
};

function run(watch: string, script: Script, cpu: CpuModel = vendor().cpu): Run {
  return boot({ commandLine: `guest=count ${watch}`, cpu, scripts: [script] });
}

describe("an armed page", () => {
  for (const [kind, isMapped] of [
    ["nofetch", true],
    ["nowrite", true],
    ["noaccess", false],
  ] as const) {
    test(`with ${kind} is ${isMapped ? "" : "not "}readable, and its neighbours are as ever`, () => {
      const ended = run(`watch=0:30000-31000:${kind}:count`, function* (guest) {
        assert.equal(guest.hostAddress(WATCHED) !== null, isMapped);
        for (const neighbour of [WATCHED - 1n, WATCHED + 0x1000n]) assert.ok(guest.hostAddress(neighbour) !== null);
        yield vmcall;
      });
      assertEnd(ended, "ok", new RegExp(`watch 0x30000-0x31000:${kind}:count: 0 accesses`));
    });
  }

  test("of another VM is none of this one's", () => {
    const isMapped = [true, false].map((expected): Script => {
      return function* (guest) {
        assert.equal(guest.hostAddress(WATCHED) !== null, expected);
        yield vmcall;
      };
    });
    const ended = boot({
      commandLine: "guest=count,count watch=1:30000-31000:noaccess:count",
      scripts: isMapped,
    });
    assertEnd(ended, "ok", /vm1: watch 0x30000-0x31000:noaccess:count: 0 accesses/);
  });
});

describe("an access that a watch forbids", () => {
  test("is told with log, and the page is let go", () => {
    const ended = run("watch=0:30000-32000:noaccess:log", function* (guest) {
      yield violation(guest, READ);
      assert.ok(guest.hostAddress(WATCHED) !== null);
      assert.equal(guest.hostAddress(WATCHED + 0x1000n), null);
      yield vmcall;
    });
    assertEnd(
      ended,
      "ok",
      /vm0: watch 0x30000-0x32000:noaccess:log: read of guest-physical/,
      /noaccess:log: 1 accesses/,
    );
  });

  test("is #GP(0) with fault", () => {
    const ended = run("watch=0:30000-31000:nowrite:fault", function* (guest) {
      yield violation(guest, WRITE);
      assert.equal(guest.vmcs.get("VM_ENTRY_INTERRUPTION_INFORMATION"), 0x80000b0dn);
      yield vmcall;
    });
    assertEnd(ended, "ok", /nowrite:fault: 1 accesses/);
  });

  for (const [way, cpu, option, exit] of [
    ["the monitor trap flag where there is one", trapping, "", trapFlag],
    ["RFLAGS.TF else", null, "", debugException],
    ["RFLAGS.TF with step=tf", trapping, " step=tf", debugException],
  ] as const) {
    const runOn = cpu === null ? test : onVmx;
    runOn(`is stepped over by ${way}, and the page armed again`, () => {
      const hasTrapFlag = exit === trapFlag;
      const flag = control("PRIMARY_MONITOR_TRAP_FLAG");
      const isTrapFlagOn = (guest: Guest): boolean => isVmx() && (guest.vmcs.get(PRIMARY) & flag) !== 0n;
      const ended = run(
        `watch=0:30000-31000:noaccess:step${option}`,
        function* (guest) {
          for (let access = 0; access < 3; access++) {
            assert.equal(guest.hostAddress(WATCHED), null);
            yield violation(guest, READ);
            assert.ok(guest.hostAddress(WATCHED) !== null);
            assert.equal(isTrapFlagOn(guest), hasTrapFlag);
            // The first step is made by both.
            assert.equal((guest.vmcs.get("GUEST_RFLAGS") & TF) !== 0n, !hasTrapFlag || access === 0);
            yield access === 0 && hasTrapFlag ? firstTrapFlag : exit;
            assert.equal(guest.vmcs.get("GUEST_PENDING_DEBUG_EXCEPTIONS"), 0n);
            assert.equal(isTrapFlagOn(guest), false);
            assert.equal((guest.vmcs.get("GUEST_RFLAGS") & TF) !== 0n, false);
            assert.equal(guest.vmcs.get("VM_ENTRY_INTERRUPTION_INFORMATION") & 0x80000000n, 0n);
          }
          yield vmcall;
        },
        cpu ?? vendor().cpu,
      );
      assertEnd(ended, "ok", /noaccess:step: 3 accesses/);
    });
  }

  onVmx("is stepped over by RFLAGS.TF where the processor offers the monitor trap flag and makes no exit", () => {
    const ended = run(
      "watch=0:30000-31000:noaccess:count",
      function* (guest) {
        for (let access = 0; access < 3; access++) {
          assert.equal(guest.hostAddress(WATCHED), null);
          yield violation(guest, READ);
          const isSet = (guest.vmcs.get(PRIMARY) & control("PRIMARY_MONITOR_TRAP_FLAG")) !== 0n;
          assert.equal(isSet, access === 0);
          yield debugException;
        }
        yield vmcall;
      },
      trapping,
    );
    assertEnd(ended, "ok", /noaccess:count: 3 accesses/);
  });

  onVmx("that raises an exception in the first step is in it until the #DB behind the handler's return", () => {
    const ended = run(
      "watch=0:30000-31000:noaccess:count",
      function* (guest) {
        yield violation(guest, READ);
        yield trapFlag;
        assert.ok(guest.hostAddress(WATCHED) !== null);
        yield debugException;
        assert.equal(guest.hostAddress(WATCHED), null);
        assert.equal(guest.vmcs.get("VM_ENTRY_INTERRUPTION_INFORMATION") & 0x80000000n, 0n);
        yield vmcall;
      },
      trapping,
    );
    assertEnd(ended, "ok", /noaccess:count: 1 accesses/);
  });

  for (const [runOn, shadow, blocking, left, pending] of [
    [onVmx, "STI, which is given up: the #DB would come before the instruction", 1n, 0n, 0n],
    [onVmx, "MOV SS, which holds the #DB back", 2n, 2n, 1n << 14n],
    [onSvm, "STI or MOV SS, which stays", 1n, 1n, 0n],
  ] as const) {
    runOn(`is stepped over in the shadow of ${shadow}`, () => {
      const ended = run("watch=0:30000-31000:noaccess:count", function* (guest) {
        guest.vmcs.set("GUEST_RFLAGS", guest.vmcs.get("GUEST_RFLAGS") | (1n << 9n));
        guest.vmcs.set("GUEST_INTERRUPTIBILITY_STATE", blocking);
        yield violation(guest, READ);
        assert.equal(guest.vmcs.get("GUEST_INTERRUPTIBILITY_STATE"), left);
        assert.equal(guest.vmcs.get("GUEST_PENDING_DEBUG_EXCEPTIONS"), pending);
        yield { ...debugException, fields: { ...debugException.fields, GUEST_INTERRUPTIBILITY_STATE: 0n } };
        yield vmcall;
      });
      assertEnd(ended, "ok");
    });
  }

  test("leaves a guest that steps itself its #DB", () => {
    const ended = run("watch=0:30000-31000:noaccess:count", function* (guest) {
      guest.vmcs.set("GUEST_RFLAGS", guest.vmcs.get("GUEST_RFLAGS") | TF);
      yield violation(guest, READ);
      yield debugException;
      yield vmcall;
    });
    assertEnd(ended, "ok");
    // Vector 1, a hardware exception; the RFLAGS that were pushed still have TF.
    const delivered = ended.machine.entry.delivered.flat();
    assert.deepEqual(
      delivered.map(({ event, rflags }) => [event, (rflags & TF) !== 0n]),
      [[0x301, true]],
    );
  });

  test("of a fetch ends the VM with dump, before the instruction, and a record of it", () => {
    const ended = run("watch=0:30000-31000:nofetch:dump", function* (guest) {
      yield violation(guest, FETCH);
    });
    assertEnd(
      ended,
      "stopped-by-watch",
      /record: vm0: version 2 vm 0 vcpu 0 access 0x14 gpa 0x30000/,
      /record: vm0: end 0x/,
    );
    assert.equal(ended.lines.filter((line) => line.includes("record: vm0: page ")).length, 64);
  });

  test("whose step has no end is told of", () => {
    const ended = run(
      "watch=0:30000-31000:noaccess:count",
      function* (guest) {
        yield violation(guest, READ);
        yield { ...vmcall, rip: guest.rip + 1n };
      },
      isVmx() ? trapping : vendor().cpu,
    );
    assertEnd(ended, "ok", /warning: vm0: the last step over a watched access had no end/);
  });
});

describe("the option watch", () => {
  for (const [value, sentence] of [
    ["0:30000-31000:nofetch", /expected VM:START-END:KIND:ACTION/],
    ["x:30000-31000:nofetch:log", /no VM has this number or name/],
    ["1:30000-31000:nofetch:log", /no VM has this number or name/],
    ["4294967296:30000-31000:nofetch:log", /no VM has this number or name/],
    [":30000-31000:nofetch:log", /no VM has this number or name/],
    ["0:30000:nofetch:log", /expected START-END in hexadecimal/],
    ["0:30001-31000:nofetch:log", /multiples of 1000/],
    ["0:31000-31000:nofetch:log", /START below END/],
    ["0:30000-31000:never:log", /expected nofetch, nowrite or noaccess/],
    ["0:30000-31000:nofetch:shout", /expected log, count, step, fault, dump or emulate/],
    ["0:30000-31000:nofetch:log watch=0:30000-32000:nowrite:log", /has a watch there already/],
  ] as const) {
    test(`refuses ${value}`, () => {
      assertEnd(boot({ commandLine: `guest=hlt iterations=1 watch=${value}` }), "bad-option", sentence);
    });
  }

  test("beyond a VM's RAM ends the run before that VM starts", () => {
    const ended = boot({ commandLine: "guest=hlt iterations=1 watch=0:1000000-1001000:nofetch:log" });
    assertEnd(ended, "bad-option", /the range ends beyond this VM's RAM/);
  });
});
