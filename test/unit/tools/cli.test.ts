// Runs the `basalt` command and holds its errors, help and exit codes.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { execa } from "execa";
import { mediaNames } from "../../../tools/emulators/machine.ts";
import { exitCodes, exitOfResult } from "../../../tools/exit-codes.ts";
import { root } from "../../../tools/paths.ts";

async function basalt(...args: string[]): Promise<{ exitCode?: number; stdout: string; stderr: string }> {
  const env = { FORCE_COLOR: undefined, CI: "true" };
  return execa(process.execPath, ["tools/basalt.mjs", ...args], { cwd: root, reject: false, env, stdin: "ignore" });
}

describe("basalt --help", () => {
  test("names every command and every exit code", async () => {
    const { exitCode, stdout } = await basalt("--help");
    assert.equal(exitCode, 0);
    for (const command of ["build", "run", "check", "flash", "test", "where", "probe"])
      assert.match(stdout, new RegExp(`^  ${command} `, "m"));
    for (const { code, meaning } of Object.values(exitCodes))
      assert.ok(stdout.includes(`${code}  ${meaning}`), meaning);
  });

  test("of flash names every kind of device that it writes", async () => {
    const { stdout } = await basalt("flash", "--help");
    assert.match(stdout, /only devices that are removable, on USB or SD cards, and loop devices/);
  });

  test("of run names the emulators, the guests and the media", async () => {
    const { exitCode, stdout } = await basalt("run", "--help");
    assert.equal(exitCode, 0);
    for (const word of ["kvm", "bochs", "nested", "tcg", "auto", "intel", "amd", "hlt", ...mediaNames])
      assert.match(stdout, new RegExp(`\\b${word}\\b`));
  });
});

describe("basalt check", () => {
  test("shows what would run", async () => {
    const { exitCode, stdout } = await basalt("check", "tools/samples/vms.json");
    assert.equal(exitCode, 0);
    assert.match(stdout, /^VM +guest +RAM +CPU +weight +more\nload +count +16 MiB +any +20 +20000 iterations\n/);
    assert.match(stdout, /^unpacker +unpack +16 MiB +0 +10 +watch 30000-31000:nofetch:log$/m);
    assert.match(stdout, /^3 VMs side by side, which take 42 MiB/m);
  });

  test("prints the VMs as JSON", async () => {
    const { stdout } = await basalt("check", "--json", "tools/samples/vms.json");
    const vms = JSON.parse(stdout) as { name: string }[];
    assert.deepEqual(
      vms.map(({ name }) => name),
      ["load", "idle", "unpacker"],
    );
  });
});

describe("a wrong command line ends with exit code 1 and", () => {
  const cases: readonly (readonly [what: string, args: string[], message: RegExp])[] = [
    ["a mistyped command gets a suggestion", ["rnu"], /unknown command 'rnu'.*Did you mean run\?/s],
    [
      "a mistyped option gets a suggestion",
      ["run", "--geust", "hlt"],
      /unknown option '--geust'.*Did you mean --guest\?/s,
    ],
    ["an unknown guest is named with the guests there are", ["run", "--guest", "windows"], /'windows'.*hlt, count/s],
    [
      "an unknown emulator is named with those there are",
      ["run", "--on", "vbox"],
      /'vbox'.*auto, kvm, bochs, nested, tcg/s,
    ],
    [
      "a machine's memory of words is refused",
      ["run", "--machine-memory", "lots"],
      /'lots'.*whole number from 64 to 65536/s,
    ],
    ["a guest's memory without a unit is refused", ["run", "--memory", "256"], /'256'.*an even number of MiB/s],
    [
      "a guest's memory without a kernel is refused",
      ["run", "--memory", "256M"],
      /--memory is the RAM of the guest of/,
    ],
    ["two guests are refused", ["run", "--guest", "hlt", "--kernel", "x"], /--kernel and --guest both name the guest/],
    ["VMs beside a guest are refused", ["run", "--guest", "hlt", "--vms", "x"], /--vms and --guest both name guests/],
    ["VMs beside a kernel are refused", ["run", "--kernel", "x", "--vms", "x"], /--vms and --kernel both name guests/],
    ["VMs with one RAM are refused", ["run", "--vms", "x", "--memory", "4M"], /A VM of --vms has its own/],
    ["a file of VMs that is not there is named", ["run", "--vms", "/no/file"], /\/no\/file: found no such file/],
    [
      "a file that describes no VMs is named with line, column and key",
      ["check", "package.json"],
      /package\.json:2:3: name: found an unknown key, expected one of vms/,
    ],
    [
      "VMs in an ELF that QEMU loads are refused",
      ["run", "--no-build", "--on", "tcg", "--media", "kernel", "--vms", "tools/samples/vms.json"],
      /no command line, by which Basalt knows the VM table/,
    ],
    ["a kernel that is not there is named", ["run", "--kernel", "/no/such/file"], /no file \/no\/such\/file/],
    ["a folder is no kernel", ["run", "--kernel", "/tmp"], /\/tmp is no file/],
    [
      "a file that is no kernel is refused",
      ["run", "--kernel", "package.json"],
      /is no ELF, and has no Multiboot header/,
    ],
    [
      "an ELF that is no such kernel is refused",
      ["run", "--kernel", "/bin/true"],
      /is an ELF without Multiboot header and without PVH entry point; Basalt starts Linux bzImages and/,
    ],
    ["an initrd without a kernel is refused", ["run", "--initrd", "x"], /--initrd is for the guest of --kernel/],
    ["a disk without a kernel is refused", ["run", "--vms", "x", "--disk", "x"], /--disk is for the guest of --kernel/],
    ["a flatness of no kernel is refused", ["run", "--flat"], /--flat says what the kernel is\. Name one by --kernel/],
    ["a use of no disk is refused", ["run", "--kernel", "x", "--disk-read-only"], /Name one by --disk/],
    [
      "an initrd in an ELF that QEMU loads is refused",
      ["run", "--kernel", "x", "--initrd", "y", "--media", "kernel"],
      /has one boot module only\. Boot initrd and disk from a medium/,
    ],
    ["an image without a name is refused", ["image", "tools/samples/vms.json"], /-o, --output <file>' not specified/],
    ["an image of no VMs is refused", ["image", "/no/file", "-o", "x.iso"], /\/no\/file: found no such file/],
    [
      "an image that would overwrite a file is refused",
      ["image", "tools/samples/vms.json", "-o", "package.json"],
      /package\.json is there already\. Overwrite it with --force/,
    ],
    [
      "an image to a device is refused",
      ["image", "tools/samples/vms.json", "-o", "/dev/null", "--force"],
      /\/dev\/null is no file\. .*`basalt flash --image`/,
    ],
    [
      "an image to a folder that is not there is refused",
      ["image", "tools/samples/vms.json", "-o", "/no/such/x.iso"],
      /There is no folder \/no\/such/,
    ],
    [
      "boot options of an image that GRUB would change are refused",
      ["image", "tools/samples/vms.json", "-o", "x.iso", "--options", "a;b"],
      /holds ";"; it takes letters/,
    ],
    ["a port beyond 65535 is refused", ["run", "--debug", "65536"], /'65536'.*whole number from 1 to 65535/s],
    ["a time limit of 0 is refused", ["run", "--timeout", "0"], /'0'.*whole number from 1/s],
    [
      "an Intel CPU in TCG is refused, before anything is built",
      ["run", "--on", "tcg", "--cpu", "intel"],
      /TCG has SVM and no VMX.*Use --on bochs\.$/,
    ],
    ["an AMD CPU in nested KVM is refused", ["run", "--on", "nested", "--cpu", "amd"], /KVM with VMX.*Use --on tcg\.$/],
    ["an option without its value is named", ["run", "--cpu"], /'--cpu <model>' argument missing/],
    ["a word too many is refused", ["build", "now"], /too many arguments/],
    ["an address that is not hexadecimal is named", ["where", "main"], /'main'.*hexadecimal/s],
    ["where without an address is refused", ["where"], /missing required argument 'address'/],
    ["a second device is refused", ["flash", "/dev/null", "/dev/null"], /too many arguments/],
    ["an unknown test is named", ["test", "--no-build", "no-such-test"], /"no-such-test"/],
    [
      "a quote in --append is refused",
      ["run", "--no-build", "--on", "tcg", "--append", 'a"b'],
      /holds "\\""|not built|no image/,
    ],
  ];
  for (const [what, args, message] of cases) {
    test(what, async () => {
      const { exitCode, stdout, stderr } = await basalt(...args);
      assert.match(stderr, message);
      assert.equal(exitCode, 1);
      assert.equal(stdout, "", "errors go to stderr");
    });
  }

  test("no error holds an escape sequence where stderr is no terminal", async () => {
    assert.doesNotMatch((await basalt("run", "--on", "vbox")).stderr, /\x1b/);
  });
});

describe("a result of Basalt's", () => {
  for (const [number, name] of [
    [0, "ok"],
    [1, "panic"],
    [9, "panic"],
    [10, "refused"],
    [39, "refused"],
    [40, "guest"],
    [59, "guest"],
    [60, "panic"],
    [69, "panic"],
    [70, "panic"],
  ] as const) {
    test(`${number} ends the run with exit "${name}"`, () => assert.equal(exitOfResult(number), name));
  }
});

test("no two exit codes are the same", () => {
  const codes = Object.values(exitCodes).map(({ code }) => code);
  assert.equal(new Set(codes).size, codes.length);
});
