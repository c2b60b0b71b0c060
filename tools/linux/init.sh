#!/bin/busybox sh
# Linux's init in a VM: the virtio drivers, and a shell on the console. Words of the kernel's command line change that:
# basalt.warnings has it list what the kernel warned of, as `/init warnings` does; basalt.bench has it power off where the
# shell would start, and basalt.sleep sleep before that.
if [ "$1" = warnings ]; then
  # Of the levels from "emergency" to "warning".
  dmesg -r | sed -n 's/^<[0-4]>\[[^]]*\] /basalt-test: warning: /p'
  exit
fi
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
# Each needs those before it.
for module in virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk virtio-rng \
  virtio_console; do
  insmod /lib/modules/$module.ko
done

has() {
  grep -qw "$1" /proc/cmdline
}

has basalt.warnings && /init warnings
echo "basalt-test: ready"
if has basalt.sleep; then
  # What `sleep 3` takes more than `sleep 1`, in ticks.
  a=$(ticks)
  sleep 1
  b=$(ticks)
  sleep 3
  c=$(ticks)
  echo "basalt-test: slept $((c - b - (b - a)))"
  stty cs8
  poweroff -f
fi
if has basalt.bench; then
  echo "basalt-test: ticks $(ticks)"
  # Setting what is set waits until the console's line has sent everything.
  stty cs8
  poweroff -f
fi
# What the kernel says from here on would come between the shell's words. Emergencies, as the power-off, are still told.
dmesg -n 1
exec setsid cttyhack sh
