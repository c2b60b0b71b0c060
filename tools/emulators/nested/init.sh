#!/bin/busybox sh
# Linux's init, in Bochs: loads KVM, starts QEMU for each folder of /runs, and reports on COM2 (report.ts reads it).
/bin/busybox --install -s /bin
export PATH=/bin:/usr/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tracefs tracefs /sys/kernel/tracing
stty -F /dev/ttyS1 raw 115200
exec 3>/dev/ttyS1

# Closing the port waits until everything is sent.
power_off() {
  exec 3>&-
  poweroff -f
}

for module in irqbypass kvm kvm-intel; do
  insmod /lib/modules/$module.ko || {
    echo "nested: Linux cannot load $module"
    dmesg | tail -n 5 | sed 's/^/nested: Linux: /'
  } >&3
done

# What KVM knows of a run: why it let no VM entry pass, and the time-stamp counter at the ports that end a machine
# (QEMU's exit device and q35's ACPI power-off).
cd /sys/kernel/tracing || power_off
echo x86-tsc >trace_clock
echo 'port == 0xf4 || port == 0x604' >events/kvm/kvm_pio/filter
for event in kvm_nested_vmenter_failed kvm_write_tsc_offset kvm_pio; do
  echo 1 >events/kvm/$event/enable
done

for run in /runs/*; do
  number=${run##*/}
  set --
  while IFS= read -r word; do set -- "$@" "$word"; done <"$run/arguments"
  echo >trace
  dmesg -c >/dev/null
  echo "nested: run $number begins" >&3
  # Without the port: timeout leaves a process behind for a second, which would keep it open.
  timeout -s KILL "$(cat "$run/seconds")" qemu-system-x86_64 "$@" </dev/null >/tmp/said 2>&1 3>&-
  status=$?
  {
    echo
    sed 's/^/nested: QEMU: /' /tmp/said
    dmesg | sed 's/^/nested: Linux: /'
    {
      grep kvm_write_tsc_offset trace | tail -n 1
      grep -v -e '^#' -e kvm_write_tsc_offset trace | tail -n 40
    } | sed 's/^/nested: KVM: /'
    echo "nested: run $number ended with $status"
  } >&3
done
power_off
