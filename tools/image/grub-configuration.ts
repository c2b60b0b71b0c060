// grub.cfg of Basalt's ISO, with or without boot modules.
import { marker, toField } from "./command-line.ts";

/**
 * Boots at once: by BIOS with VGA text, by UEFI, which has none, with a framebuffer. The command multiboot2 itself asks for a
 * framebuffer, as Basalt's header takes one. If Basalt cannot be loaded, GRUB says why on COM1 too. Each of `modules` is
 * what GRUB's command module2 takes: a path on the ISO, and the words of the module's own command line. GRUB leaves each as
 * it is: a packed initrd is Linux's to unpack.
 */
export function grubConfiguration(commandLine: string, modules: readonly string[] = []): string {
  return `set timeout=0
set screen=text
if [ "$grub_platform" = "efi" ]
then set screen=auto
fi
menuentry "Basalt" {
  if ${marker}${toField(commandLine)}
  then
${modules.map((module) => `    module2 --nounzip ${module}\n`).join("")}    set gfxpayload=$screen
    boot
  fi
  serial --unit=0 --speed=115200
  terminal_output --append serial
  multiboot2 /boot/basalt.elf
}
`;
}
