#!/bin/busybox sh
# Linux's init in a VM: the virtio drivers, and a shell on the console. By words of the kernel's command line it does less:
# basalt.warnings lists what the kernel warned of, basalt.bench powers off where the shell would start.
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
# Each needs those before it.
for module in virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk virtio-rng \
  virtio_console; do
  insmod /lib/modules/$module.ko
done
# How a time is taken by the time-stamp counter.
insmod /lib/modules/msr.ko

has() {
  grep -qw "$1" /proc/cmdline
}

if has basalt.warnings; then
  # The levels from "emergency" to "warning".
  dmesg -r | sed -n 's/^<[0-4]>\[[^]]*\] /basalt-test: warning: /p'
fi
echo "basalt-test: ready"
has basalt.bench && poweroff -f
exec setsid cttyhack sh
