// Holds which devices `basalt flash` overwrites, what it asks before, and that it notices what goes wrong.
import assert from "node:assert/strict";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { ExitName } from "../../../tools/exit-codes.ts";
import { deviceOf, type BlockDevice, type LsblkRow } from "../../../tools/flash/block-devices.ts";
import { describeContents, describeDevice, showBytes } from "../../../tools/flash/describe.ts";
import { candidates, flash, resolveDevice, type Surroundings } from "../../../tools/flash/flash.ts";
import { findRefusal } from "../../../tools/flash/refusals.ts";
import type { Target } from "../../../tools/flash/target.ts";

const image = Buffer.from(Array.from({ length: 700_000 }, (_, index) => (index * 7 + (index >> 8)) & 0xff));

/** What lsblk says of a USB stick of 16 GB with nothing on it. */
const row: LsblkRow = {
  name: "sdb",
  path: "/dev/sdb",
  type: "disk",
  size: 16_000_000_000,
  ro: false,
  rm: true,
  tran: "usb",
  vendor: "Acme    ",
  model: "Stick 3.0",
  "log-sec": 512,
  pttype: null,
  fstype: null,
  label: null,
  partlabel: null,
  mountpoint: null,
};
const partition: LsblkRow = {
  ...row,
  name: "sdb1",
  path: "/dev/sdb1",
  type: "part",
  vendor: null,
  model: null,
  tran: null,
};
const stick = deviceOf(row);

/** A device in memory, which can fail. */
class MemoryTarget implements Target {
  readonly bytes = Buffer.alloc(1_000_000);
  isOpen = true;
  flushed = 0;

  async write(bytes: Uint8Array, offset: number): Promise<void> {
    this.bytes.set(bytes, offset);
  }
  async flush(): Promise<void> {
    this.flushed++;
  }
  async readBack(length: number, _signal: AbortSignal): Promise<Uint8Array> {
    return this.bytes.subarray(0, length);
  }
  async close(): Promise<void> {
    this.isOpen = false;
  }
}

interface Flashed {
  readonly device: Promise<BlockDevice>;
  readonly target: MemoryTarget;
  readonly told: string[];
  readonly asked: string[];
}

/** Flashes `device` on a machine that has it alone, and whose user answers `answer`. */
function flashOn(
  device: BlockDevice,
  {
    answer = null,
    target = new MemoryTarget(),
    ...more
  }: Partial<Surroundings> & { answer?: string | null; target?: MemoryTarget } = {},
  options = { yes: true, dryRun: false },
): Flashed {
  const [told, asked]: [string[], string[]] = [[], []];
  const surroundings: Surroundings = {
    list: () => Promise.resolve([device]),
    resolve: (path) => Promise.resolve(path),
    open: () => Promise.resolve(target),
    tell: (line) => told.push(line),
    ask(question) {
      asked.push(question);
      return Promise.resolve(answer);
    },
    onProgress: () => {},
    signal: new AbortController().signal,
    ...more,
  };
  return { device: flash(device.path, image, options, surroundings), target, told, asked };
}

/** Fails unless nothing was written and the refusal has this exit and words. */
async function assertRefused(flashed: Flashed, exit: ExitName, message: RegExp): Promise<void> {
  await assert.rejects(flashed.device, { name: "ToolError", exit, message });
  assert.equal(flashed.target.flushed, 0, "something was written");
}

describe("flashing a stick", () => {
  test("writes the image to its start, leaves the rest alone, and closes it", async () => {
    const { device, target } = flashOn(stick);
    assert.equal(await device, stick);
    assert.ok(target.bytes.subarray(0, image.length).equals(image));
    assert.ok(target.bytes.subarray(image.length).every((byte) => byte === 0));
    assert.deepEqual([target.flushed > 0, target.isOpen], [true, false]);
  });

  test("tells its progress in percent, then that it compares", async () => {
    const progress: string[] = [];
    await flashOn(stick, { onProgress: (what) => progress.push(what) }).device;
    assert.deepEqual(progress, ["writing, 0 %", "writing, 37 %", "writing, 74 %", "reading back and comparing"]);
  });

  test("shows model, size and partitions before it asks for the device's name", async () => {
    const withPartition = deviceOf({
      ...row,
      pttype: "dos",
      children: [{ ...partition, fstype: "vfat", label: "PHOTOS" }],
    });
    const { device, told, asked } = flashOn(withPartition, { answer: "sdb" }, { yes: false, dryRun: false });
    await device;
    assert.deepEqual(told, [
      "/dev/sdb  16 GB  Acme Stick 3.0  (usb)",
      "  sdb  16 GB  dos",
      '  sdb1  16 GB  vfat  "PHOTOS"',
      "everything on it will be lost: its first 700 kB become Basalt",
    ]);
    assert.deepEqual(asked, ["Type sdb to overwrite it: "]);
  });

  test("with --yes does not ask", async () => {
    const { device, asked } = flashOn(stick);
    await device;
    assert.deepEqual(asked, []);
  });

  test("with --dry-run shows the same, and neither asks nor writes", async () => {
    const { device, target, told, asked } = flashOn(stick, {}, { yes: false, dryRun: true });
    await device;
    assert.deepEqual([told.length, asked, target.flushed], [3, [], 0]);
  });

  for (const [answer, message] of [
    ["y", /Found the answer "y", expected sdb\. Nothing was written/],
    ["sdc", /Found the answer "sdc", expected sdb/],
    ["", /Found the answer "", expected sdb/],
    [null, /no terminal to ask on .*add --yes/],
  ] as const) {
    test(`writes nothing where the answer is ${answer === null ? "that nobody can answer" : `"${answer}"`}`, async () => {
      await assertRefused(flashOn(stick, { answer }, { yes: false, dryRun: false }), "device", message);
    });
  }
});

describe("between the question and the answer a device", () => {
  test("is open, so that its name stays its own, and is shown as it is then", async () => {
    const steps: string[] = [];
    const target = new MemoryTarget();
    const { device, told } = flashOn(
      stick,
      {
        list: () => Promise.resolve([steps.includes("open") ? stick : { ...stick, model: "Another" }]),
        open: async () => (steps.push("open"), target),
        ask: async () => (steps.push(target.isOpen ? "ask" : "ask after closing"), "sdb"),
      },
      { yes: false, dryRun: false },
    );
    await device;
    assert.deepEqual([steps, told[0]], [["open", "ask"], "/dev/sdb  16 GB  Acme Stick 3.0  (usb)"]);
  });

  for (const [what, now, message] of [
    ["gets another medium", { ...row, size: 8_000_000_000 }, /no longer what was shown, it is now: \/dev\/sdb  8 GB/],
    ["gets other partitions", { ...row, children: [{ ...partition, label: "X" }] }, /it is now: .*sdb1 .*"X"/],
    ["is pulled", null, /no longer what was shown, it is gone/],
  ] as const) {
    test(`that ${what} is not written`, async () => {
      let isAnswered = false;
      const flashed = flashOn(
        stick,
        {
          list: () =>
            Promise.resolve(isAnswered ? [now].flatMap((row) => row ?? []).map((row) => deviceOf(row)) : [stick]),
          ask: async () => ((isAnswered = true), "sdb"),
        },
        { yes: false, dryRun: false },
      );
      await assertRefused(flashed, "device", message);
      assert.equal(flashed.target.isOpen, false);
    });
  }
});

describe("what goes wrong while a stick is written:", () => {
  test("one that changes a byte is found out, with the place", async () => {
    const target = new MemoryTarget();
    target.readBack = async (length) => {
      const found = Buffer.from(target.bytes.subarray(0, length));
      found[314_159]! ^= 4;
      return found;
    };
    const message = /does not hold what was written: 1 of 700000 bytes differ, the first at offset 314159/;
    await assert.rejects(flashOn(stick, { target }).device, { exit: "written", message });
    assert.equal(target.isOpen, false);
  });

  test("one that forgets the end is found out", async () => {
    const target = new MemoryTarget();
    target.readBack = async (length) => target.bytes.subarray(0, length - 4096);
    const message = /4096 of 700000 bytes differ, the first at offset 695904/;
    await assert.rejects(flashOn(stick, { target }).device, { exit: "written", message });
  });

  test("one that is unplugged in the middle is reported as incomplete", async () => {
    const target = new MemoryTarget();
    target.flush = async () => {
      if (++target.flushed === 2) throw new Error("EIO: i/o error, fsync");
    };
    const message = /^Writing failed: EIO.*\/dev\/sdb is now incomplete: 262144 of 700000 bytes were written/;
    await assert.rejects(flashOn(stick, { target }).device, { exit: "written", message });
    assert.equal(target.isOpen, false);
  });

  test("one that cannot be read back is reported", async () => {
    const target = new MemoryTarget();
    target.readBack = () => Promise.reject(new Error("EIO: i/o error, read"));
    const message = /was written, but cannot be read back: EIO/;
    await assert.rejects(flashOn(stick, { target }).device, { exit: "written", message });
  });

  test("Ctrl-C before it writes nothing", async () => {
    await assertRefused(flashOn(stick, { signal: AbortSignal.abort() }), "interrupted", /Nothing was written/);
  });

  test("Ctrl-C in the middle says that the device is incomplete", async () => {
    const controller = new AbortController();
    const target = new MemoryTarget();
    target.flush = async () => controller.abort();
    const message = /is now incomplete: 262144 of 700000 bytes/;
    await assert.rejects(flashOn(stick, { target, signal: controller.signal }).device, {
      exit: "interrupted",
      message,
    });
  });

  test("Ctrl-C while it is read back says that it was not compared", async () => {
    const controller = new AbortController();
    const target = new MemoryTarget();
    target.readBack = async () => {
      controller.abort();
      throw new Error("the command was canceled");
    };
    const message = /was written, but not compared/;
    await assert.rejects(flashOn(stick, { target, signal: controller.signal }).device, {
      exit: "interrupted",
      message,
    });
  });
});

describe("a device is refused that", () => {
  const refusals: readonly (readonly [what: string, device: LsblkRow, message: RegExp])[] = [
    ["is a partition", partition, /\/dev\/sdb1 \(16 GB\) is a partition; name the whole device/],
    ["is a CD drive", { ...row, type: "rom", path: "/dev/sr0" }, /is a CD drive/],
    ["is a RAID", { ...row, type: "raid1", path: "/dev/md0" }, /is no drive \(lsblk calls it raid1\)/],
    ["is built in", { ...row, rm: false, tran: "nvme" }, /is built into this machine/],
    ["is built in, in a socket that takes another", { ...row, rm: true, tran: "sata" }, /is built into this machine/],
    ["has no medium", { ...row, size: 0 }, /^\/dev\/sdb holds no medium/],
    ["is read-only", { ...row, ro: true }, /is read-only/],
    [
      "is mounted itself",
      { ...row, mountpoint: "/mnt" },
      /is in use: \/dev\/sdb is mounted on \/mnt; run `umount \/dev\/sdb`/,
    ],
    [
      "has a mounted partition",
      { ...row, children: [partition, { ...partition, path: "/dev/sdb2", mountpoint: "/media/x" }] },
      /is in use: \/dev\/sdb2 is mounted on \/media\/x/,
    ],
    [
      "has swap in use",
      { ...row, children: [{ ...partition, mountpoint: "[SWAP]" }] },
      /\/dev\/sdb1 is swap; run `swapoff/,
    ],
    [
      "has an open volume of LVM on a partition",
      { ...row, children: [{ ...partition, children: [{ ...row, type: "lvm", path: "/dev/mapper/vg-home" }] }] },
      /is in use: \/dev\/mapper\/vg-home \(lvm\) lies on it/,
    ],
    [
      "has sectors of 4096 bytes",
      { ...row, "log-sec": 4096 },
      /sectors of 4096 bytes, from which the image would not boot/,
    ],
    ["is too small", { ...row, size: 699_999 }, /has 699999 bytes, the image has 700000/],
  ];
  for (const [what, device, message] of refusals) {
    test(what, async () => assertRefused(flashOn(deviceOf(device)), "device", message));
  }

  test("lsblk does not know", async () => {
    const flashed = flashOn(stick, { resolve: () => Promise.resolve("/dev/nbd7") });
    await assertRefused(flashed, "device", /lsblk does not tell what \/dev\/nbd7 is/);
  });

  test("is not there", async () => {
    await assert.rejects(resolveDevice("/dev/nosuch"), {
      exit: "device",
      message: /There is no \/dev\/nosuch; run `basalt flash`/,
    });
  });

  test("is a file or a terminal, also behind a link", async () => {
    const directory = await mkdtemp(join(tmpdir(), "basalt-flash-"));
    try {
      const [file, link] = [join(directory, "file"), join(directory, "link")];
      await writeFile(file, "");
      await symlink(file, link);
      for (const path of [file, link, "/dev/null"]) {
        await assert.rejects(resolveDevice(path), { exit: "device", message: /is no block device/ });
      }
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

describe("a device is not refused that", () => {
  for (const [what, device] of [
    ["is a USB disk, which does not call itself removable", deviceOf({ ...row, rm: false })],
    ["is an SD card", deviceOf({ ...row, name: "mmcblk0", rm: false, tran: null }, true)],
    ["is as large as the image", deviceOf({ ...row, size: image.length })],
    ["has partitions that nothing uses", deviceOf({ ...row, children: [partition] })],
    ["is a loop device", deviceOf({ ...row, type: "loop", rm: false, tran: null })],
  ] as const) {
    test(what, () => assert.equal(findRefusal(device, image.length), null));
  }
});

describe("the list", () => {
  test("has the removable devices, with the reason where one cannot be written now, and no other", () => {
    const mounted = deviceOf({
      ...row,
      name: "sdc",
      path: "/dev/sdc",
      children: [{ ...partition, mountpoint: "/media/x" }],
    });
    const builtIn = deviceOf({ ...row, rm: false, tran: "nvme" });
    const [loop, card] = [deviceOf({ ...row, type: "loop" }), deviceOf({ ...row, rm: false, tran: null }, true)];
    const listed = candidates([builtIn, stick, mounted, loop, card], image.length);
    assert.deepEqual(
      listed.map(({ path, refusal }) => [path, refusal === null]),
      [
        ["/dev/sdb", true],
        ["/dev/sdc", false],
        ["/dev/sdb", true],
      ],
    );
  });

  test("says so where lsblk knows of nothing on a device", () => {
    assert.deepEqual(describeContents(stick), ["no partition or file system that lsblk knows of"]);
  });

  test("leaves out what is not known of a device", () => {
    assert.equal(describeDevice({ ...stick, model: "", transport: null }), "/dev/sdb  16 GB");
  });

  test("counts bytes as drives are labelled", () => {
    const sizes = [
      [999, "999 B"],
      [1650688, "1.65 MB"],
      [31_914_983_424, "31.9 GB"],
      [2e12, "2 TB"],
    ] as const;
    for (const [bytes, text] of sizes) assert.equal(showBytes(bytes), text);
  });
});
