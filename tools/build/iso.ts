// Makes the ISO: GRUB for BIOS and UEFI, and Basalt. The same ELF always gives the same bytes.
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { ToolError } from "../errors.ts";
import { marker, toField } from "../image/command-line.ts";
import { requireProgram } from "../programs.ts";

/** What GRUB needs to read this ISO and boot from it; the part_ modules are those that its UEFI image asks for. */
const grubModules = [
  ..."normal multiboot2 iso9660 fat search search_fs_file serial terminal test".split(" "),
  ..."part_gpt part_msdos part_acorn part_amiga part_apple part_bsd part_dfly part_dvh".split(" "),
  ..."part_plan part_sun part_sunpc".split(" "),
];

/** Without one of these grub-mkrescue silently leaves out a firmware. */
const grubPlatforms = { "/usr/lib/grub/i386-pc": "grub-pc-bin", "/usr/lib/grub/x86_64-efi": "grub-efi-amd64-bin" };

/** What GRUB needs under UEFI to leave a framebuffer. */
const efiVideoModules = ["efi_gop", "video_fb"];

/** The date of everything in the image: 2000-01-01, in the two forms that the tools want. */
const epoch = 946684800;
const xorrisoDate = "2000010100000000";

/** Of a FAT boot sector: where the volume's serial number and the type's name stand. */
const fatSerialOffset = 0x27;
const fatTypeOffset = 0x36;

/**
 * Boots at once: under BIOS with VGA text, under UEFI with a framebuffer. The command multiboot2
 * itself asks for a framebuffer, as Basalt's header takes one. If Basalt cannot be loaded, GRUB says why on COM1 too.
 */
const grubConfiguration = `set timeout=0
set screen=text
if [ "$grub_platform" = "efi" ]
then
  insmod efi_gop
  set screen=auto
fi
menuentry "Basalt" {
  if ${marker}${toField("")}
  then
    set gfxpayload=$screen
    boot
  fi
  serial --unit=0 --speed=115200
  terminal_output --append serial
  multiboot2 /boot/basalt.elf
}
`;

/** Writes `isoPath`, which boots the multiboot2 image `elfPath` from CD or USB stick, by BIOS or UEFI. */
export async function writeIso(elfPath: string, isoPath: string): Promise<void> {
  requireProgram("grub-mkrescue", "grub-common", "build");
  requireProgram("xorriso", "xorriso", "build");
  requireProgram("mformat", "mtools", "build");
  for (const [directory, debianPackage] of Object.entries(grubPlatforms)) {
    if (existsSync(directory)) continue;
    throw new ToolError(
      "build",
      `${directory} is missing. Run \`npm run setup\`, or install the package ${debianPackage}.`,
    );
  }
  const tree = await mkdtemp(join(tmpdir(), "basalt-iso-"));
  try {
    await mkdir(join(tree, "boot/grub"), { recursive: true });
    await copyFile(elfPath, join(tree, "boot/basalt.elf"));
    await writeFile(join(tree, "boot/grub/grub.cfg"), grubConfiguration);
    // grub-mkrescue takes one list of modules for both firmwares, and BIOS has none of these.
    const modules = "x86_64-efi";
    await mkdir(join(tree, "boot/grub", modules));
    for (const name of efiVideoModules) {
      await copyFile(join("/usr/lib/grub", modules, `${name}.mod`), join(tree, "boot/grub", modules, `${name}.mod`));
    }
    const made = await execa(
      "grub-mkrescue",
      [
        `--output=${isoPath}`,
        `--install-modules=${grubModules.join(" ")}`,
        ...["--locales=", "--fonts=", "--themes=", tree, "--"],
        ...["-volume_date", "uuid", xorrisoDate, "-volume_date", "all_file_dates", xorrisoDate],
      ],
      { reject: false, all: true, env: { SOURCE_DATE_EPOCH: String(epoch) } },
    );
    if (made.failed) throw new ToolError("build", `grub-mkrescue could not make ${isoPath}:\n${made.all}`);
    await fixFatSerial(isoPath);
  } finally {
    await rm(tree, { recursive: true, force: true });
  }
}

/** mformat gives the EFI system partition a random serial number, which nothing reads: it becomes 0. */
async function fixFatSerial(isoPath: string): Promise<void> {
  const typeOffset = (await readFile(isoPath)).indexOf("FAT12   ", 0, "latin1");
  if (typeOffset < 0) throw new ToolError("build", `${isoPath} has no FAT12 partition, which UEFI boots from.`);
  const iso = await open(isoPath, "r+");
  try {
    await iso.write(Buffer.alloc(4), 0, 4, typeOffset - fatTypeOffset + fatSerialOffset);
  } finally {
    await iso.close();
  }
}
