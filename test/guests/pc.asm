; The PC round the processor: 8259s, 8254, RTC, UART, I/O APIC, local APIC in both modes, PM timer, PCI; all by interrupts.

%include "lib/guest.inc"
%include "lib/msr.inc"

PIC_COMMAND equ 0x20
PIC_DATA equ 0x21
PIC2_COMMAND equ 0xa0
PIC2_DATA equ 0xa1
PIC_VECTORS equ 0x30
; What was asked for, and is over when the processor takes it.
PIC_SPURIOUS equ PIC_VECTORS + 7
PIC2_SPURIOUS equ PIC_VECTORS + 15
APIC_SPURIOUS_VECTOR equ 0xff
PIT_CHANNEL0 equ 0x40
PIT_MODE equ 0x43
PIT_RATE_GENERATOR equ 0x34             ; channel 0, both bytes, mode 2
PIT_MILLISECOND equ 1193
RTC_INDEX equ 0x70
RTC_DATA equ 0x71
COM1 equ 0x3f8

IO_APIC equ 0xfec00000
IO_APIC_MASKED equ 1 << 16
; The vectors of inputs 2 (the timer), 4 and 8.
IO_APIC_VECTORS equ 0x50
LOCAL_APIC equ 0xfee00000
APIC_BASE equ 0x1b
APIC_BASE_X2APIC equ 1 << 10
APIC_EOI equ 0xb0
APIC_SPURIOUS equ 0xf0
APIC_COMMAND equ 0x300
APIC_TIMER equ 0x320
APIC_TIMER_INITIAL equ 0x380
APIC_TIMER_CURRENT equ 0x390
APIC_TIMER_DIVIDE equ 0x3e0
TIMER_PERIODIC equ 1 << 17
TIMER_DEADLINE equ 1 << 18
TIMER_VECTOR equ 0x61
SELF_VECTOR equ 0x62
TSC_DEADLINE equ 0x6e0
CPUID_X2APIC equ 21                     ; of ECX of leaf 1
CPUID_DEADLINE equ 24

section .data
    align 8
counts:         times 256 dd 0          ; by vector
uart:
.reason:        dd 0                    ; IIR as the handler read it first
.byte:          dd 0
is_x2apic:      db 0
    align 8
timer_port:     dq 0                    ; 0: no PM timer
ecam:           dq 0                    ; 0: none
deadline:       dq 0
section .text

%macro out_byte 2
    mov al, %2
  %if %1 > 0xff
    mov dx, %1
    out dx, al
  %else
    out %1, al
  %endif
%endmacro

%macro in_byte 1
    mov dx, %1
    in al, dx
%endmacro

; A handler of vector %1.
%macro handle 1
    mov edi, %1
    lea rdx, [%%handler]
    xor eax, eax
    call set_gate
    jmp %%behind
%%handler:
    push rax
    push rcx
    push rdx
    push rdi
    inc dword [counts + (%1) * 4]
    mov edi, %1
    call on_interrupt
    pop rdi
    pop rdx
    pop rcx
    pop rax
    iretq
%%behind:
%endmacro

; Forgets interrupts of vector %1.
%macro forget 1
    mov dword [counts + (%1) * 4], 0
%endmacro

; Halts until vector %1 has come %2 times.
%macro await 2
    mov ecx, %1
    mov edx, %2
    call halt_until
%endmacro

%macro apic_write 2
    mov edi, %1
    mov eax, %2
    call write_apic
%endmacro

main:
    ; The firmware's timers may be running.
    out_byte PIC_DATA, 0xff
    out_byte PIC2_DATA, 0xff
    handle PIC_VECTORS + 0
    handle PIC_VECTORS + 4
    handle PIC_VECTORS + 8
    handle IO_APIC_VECTORS + 2
    handle IO_APIC_VECTORS + 4
    handle IO_APIC_VECTORS + 8
    handle PIC_SPURIOUS
    handle PIC2_SPURIOUS
    handle APIC_SPURIOUS_VECTOR
    handle TIMER_VECTOR
    handle SELF_VECTOR
    call start_devices
    call check_pic
    call check_xapic
    mov eax, 1
    cpuid
    bt ecx, CPUID_X2APIC
    jnc .no_x2apic
    call check_x2apic
    jmp .clocks
.no_x2apic:
    skip "the same by x2APIC", "no x2APIC"
.clocks:
    call find_tables
    call check_clocks
    jmp check_pci

; The 8254 once a millisecond, the RTC 1024 times a second, and the UART as a 16450.
start_devices:
    out_byte PIT_MODE, PIT_RATE_GENERATOR
    out_byte PIT_CHANNEL0, PIT_MILLISECOND & 0xff
    out_byte PIT_CHANNEL0, PIT_MILLISECOND >> 8
    out_byte RTC_INDEX, 0x0a
    out_byte RTC_DATA, 0x26
    out_byte RTC_INDEX, 0x0b
    out_byte RTC_DATA, 0x42
    ret

; EDI is the vector. Ends the interrupt at its device and at the controllers.
on_interrupt:
    cmp edi, PIC_SPURIOUS
    je .end_of_none
    cmp edi, APIC_SPURIOUS_VECTOR
    je .end_of_none
    mov eax, edi
    and eax, 0x0f
    cmp edi, TIMER_VECTOR
    jae .controller
    cmp eax, 8
    je .rtc
    cmp eax, 4
    je .uart
    jmp .controller
.rtc:
    mov al, 0x0c
    out RTC_INDEX, al
    in al, RTC_DATA
    jmp .controller
.uart:
    in_byte COM1 + 2
    movzx eax, al
    cmp dword [uart.reason], 0
    jne .not_first
    mov [uart.reason], eax
.not_first:
    and eax, 0x0f
    cmp eax, 4
    jne .controller
    in_byte COM1
    mov [uart.byte], al
.controller:
    cmp edi, IO_APIC_VECTORS
    jae .apic
    mov al, 0x20
    cmp edi, PIC_VECTORS + 8
    jb .master
    cmp edi, PIC2_SPURIOUS
    je .master
    out PIC2_COMMAND, al
.master:
    out PIC_COMMAND, al
.end_of_none:
    ret
.apic:
    cmp edi, TIMER_VECTOR
    jne .end
    cmp qword [deadline], 0
    je .end
    ; How much too early or late: what is left is kept.
    rdtsc
    shl rdx, 32
    or rax, rdx
    sub rax, [deadline]
    mov [deadline], rax
.end:
    xor eax, eax
    mov edi, APIC_EOI

; Writes EAX to register EDI of the local APIC. Changes RCX, RDX.
write_apic:
    cmp byte [is_x2apic], 0
    jne .x2apic
    mov ecx, LOCAL_APIC
    mov [rcx + rdi], eax
    ret
.x2apic:
    mov ecx, edi
    shr ecx, 4
    add ecx, 0x800
    xor edx, edx
    wrmsr
    ret

; EAX = register EDI of the local APIC. Changes RCX, RDX.
read_apic:
    cmp byte [is_x2apic], 0
    jne .x2apic
    mov ecx, LOCAL_APIC
    mov eax, [rcx + rdi]
    ret
.x2apic:
    mov ecx, edi
    shr ecx, 4
    add ecx, 0x800
    rdmsr
    ret

; Until vector ECX has come EDX times.
halt_until:
    cli
    cmp [counts + rcx * 4], edx
    jae .end
    sti
    hlt
    jmp halt_until
.end:
    ret

; The UART's two interrupts at vector %2; %1 is how the checks call the way there.
%macro check_uart 2
    forget %2
    mov dword [uart.reason], 0
    call drain_uart
    out_byte COM1 + 2, 0
    out_byte COM1 + 4, 0x0b
    out_byte COM1 + 1, 2
    await %2, 1
    out_byte COM1 + 1, 0
    mov eax, [uart.reason]
    and eax, 0x0f
    mov r12d, eax
    forget %2
    mov dword [uart.reason], 0
    out_byte COM1 + 4, 0x1b
    out_byte COM1 + 1, 1
    out_byte COM1, 'Z'
    call await_byte
    ; On a PC OUT2 is the interrupt's gate, and loopback holds it low: emulators differ there.
    out_byte COM1 + 4, 0x0b
    await %2, 1
    out_byte COM1 + 1, 0
    mov r13d, [uart.reason]
    and r13d, 0x0f
    out_byte COM1 + 2, 7
    check {"an empty transmitter wakes HLT by ", %1}, r12, 2
    check {"a byte received in loopback wakes HLT by ", %1}, r13, 4
    mov eax, [uart.byte]
    check {"the byte is there by ", %1}, rax, 'Z'
%endmacro

; Waits until a byte is there.
await_byte:
    in_byte COM1 + 5
    test al, 1
    jz await_byte
    ret

; Waits until all is sent.
drain_uart:
    in_byte COM1 + 5
    and al, 0x60
    cmp al, 0x60
    jne drain_uart
    ret

; Interrupts of vector %2, which go on by themselves, end HLTs: %3 of them at least, as several may come in the time of one
; where the CPU has other things to do.
%macro check_ticks 3
    forget %2
    await %2, %3
    mov eax, [counts + (%2) * 4]
    mov edx, %3
    cmp eax, edx
    cmova eax, edx
    check {%1}, rax, %3
%endmacro

check_pic:
    out_byte PIC_COMMAND, 0x11
    out_byte PIC_DATA, PIC_VECTORS
    out_byte PIC_DATA, 4
    out_byte PIC_DATA, 1
    out_byte PIC2_COMMAND, 0x11
    out_byte PIC2_DATA, PIC_VECTORS + 8
    out_byte PIC2_DATA, 2
    out_byte PIC2_DATA, 1
    out_byte PIC_DATA, 0xfe
    check_ticks "the 8254 ticks by the 8259", PIC_VECTORS + 0, 20
    out_byte PIC_DATA, 0xfb
    out_byte PIC2_DATA, 0xfe
    call read_rtc
    check_ticks "the RTC ticks by the second 8259", PIC_VECTORS + 8, 20
    out_byte PIC2_DATA, 0xff
    out_byte PIC_DATA, 0xef
    check_uart "the 8259", PIC_VECTORS + 4
    out_byte PIC_DATA, 0xff
    ret

; What it has raised is over.
read_rtc:
    out_byte RTC_INDEX, 0x0c
    in al, RTC_DATA
    ret

; Input %1 of the I/O APIC: EAX is the low half of its entry, for processor 0.
%macro io_apic_entry 2
    mov ecx, IO_APIC
    mov dword [rcx], 0x11 + 2 * (%1)
    mov dword [rcx + 0x10], 0
    mov dword [rcx], 0x10 + 2 * (%1)
    mov dword [rcx + 0x10], %2
%endmacro

%macro by_io_apic 1
    io_apic_entry %1, IO_APIC_VECTORS + %1
%endmacro

%macro mask_io_apic 1
    io_apic_entry %1, IO_APIC_MASKED | IO_APIC_VECTORS + %1
%endmacro

; All that comes by the local APIC; %1 is its mode.
%macro check_apic 1
    apic_write APIC_SPURIOUS, 1 << 8 | APIC_SPURIOUS_VECTOR
    forget SELF_VECTOR
    ; A shorthand to itself, which must wait for STI.
    apic_write APIC_COMMAND, 1 << 18 | SELF_VECTOR
    mov r12d, [counts + SELF_VECTOR * 4]
    await SELF_VECTOR, 1
    check {"a message to itself waits for STI, by ", %1}, r12, 0
    mov eax, [counts + SELF_VECTOR * 4]
    check {"and comes once, by ", %1}, rax, 1

    by_io_apic 2
    check_ticks {"the 8254 ticks by the I/O APIC and ", %1}, IO_APIC_VECTORS + 2, 20
    mask_io_apic 2
    by_io_apic 8
    call read_rtc
    check_ticks {"the RTC ticks by the I/O APIC and ", %1}, IO_APIC_VECTORS + 8, 20
    mask_io_apic 8
    by_io_apic 4
    check_uart {"the I/O APIC and ", %1}, IO_APIC_VECTORS + 4
    mask_io_apic 4

    apic_write APIC_TIMER_DIVIDE, 3
    forget TIMER_VECTOR
    apic_write APIC_TIMER, TIMER_VECTOR
    apic_write APIC_TIMER_INITIAL, 20000
    await TIMER_VECTOR, 1
    mov edi, APIC_TIMER_CURRENT
    call read_apic
    mov eax, eax
    check {"a timer that ran once stands at 0, by ", %1}, rax, 0
    by_io_apic 2
    forget IO_APIC_VECTORS + 2
    await IO_APIC_VECTORS + 2, 5
    mask_io_apic 2
    mov eax, [counts + TIMER_VECTOR * 4]
    check {"it ran once, by ", %1}, rax, 1
    forget TIMER_VECTOR
    apic_write APIC_TIMER, TIMER_PERIODIC | TIMER_VECTOR
    apic_write APIC_TIMER_INITIAL, 50000
    await TIMER_VECTOR, 10
    apic_write APIC_TIMER_INITIAL, 0
    mov eax, [counts + TIMER_VECTOR * 4]
    check {"a periodic timer goes on, by ", %1}, rax, 10

    mov eax, 1
    cpuid
    bt ecx, CPUID_DEADLINE
    jnc %%no_deadline
    ; The last period may be over, too.
    sti
    nop
    nop
    cli
    forget TIMER_VECTOR
    apic_write APIC_TIMER, TIMER_DEADLINE | TIMER_VECTOR
    mfence
    rdtsc
    shl rdx, 32
    or rax, rdx
    add rax, 1000000
    mov [deadline], rax
    write_msr_from_rax TSC_DEADLINE
    await TIMER_VECTOR, 1
    mov rax, [deadline]
    test rax, rax
    check_flag {"the TSC's deadline is over when its interrupt comes, by ", %1}, ns
    read_msr TSC_DEADLINE
    check {"a deadline that is over is none, by ", %1}, rax, 0
    mov qword [deadline], 0
    jmp %%end
%%no_deadline:
    skip {"TSC deadlines by ", %1}, "no TSC deadline"
%%end:
    apic_write APIC_TIMER, IO_APIC_MASKED
%endmacro

check_xapic:
    check_apic "xAPIC"
    ret

check_x2apic:
    read_msr APIC_BASE
    or eax, APIC_BASE_X2APIC
    write_msr_from_rax APIC_BASE
    mov byte [is_x2apic], 1
    check_apic "x2APIC"
    ret

; Finds ACPI's PM timer and ECAM (ACPI 6.5 5.2).
find_tables:
    mov esi, 0xe0000
.next:
    mov rax, "RSD PTR "
    cmp [rsi], rax
    je .found
    add esi, 16
    cmp esi, 0x100000
    jb .next
    ret
.found:
    mov ebx, [rsi + 16]
    mov r8d, 4
    cmp byte [rsi + 15], 2
    jb .rsdt
    cmp qword [rsi + 24], 0
    je .rsdt
    mov ebx, [rsi + 24]
    mov r8d, 8
.rsdt:
    mov ecx, [rbx + 4]
    add ecx, ebx
    add ebx, 36
.entry:
    cmp ebx, ecx
    jae .end
    mov esi, [rbx]
    cmp dword [rsi], "FACP"
    jne .not_fadt
    mov eax, [rsi + 76]
    mov [timer_port], rax
.not_fadt:
    cmp dword [rsi], "MCFG"
    jne .not_mcfg
    mov rax, [rsi + 44]
    mov [ecam], rax
.not_mcfg:
    add ebx, r8d
    jmp .entry
.end:
    ret

; Waits ECX ticks of the PM timer; R8 is then how many there were, R9 how many of the TSC. Changes RAX, RDX.
wait_both:
    mov edx, [timer_port]
    in eax, dx
    mov r8d, eax
    rdtsc
    shl rdx, 32
    or rax, rdx
    mov r9, rax
.next:
    mov edx, [timer_port]
    in eax, dx
    sub eax, r8d
    ; It may have 24 bits only.
    and eax, 0xffffff
    cmp eax, ecx
    jb .next
    mov r8d, eax
    rdtsc
    shl rdx, 32
    or rax, rdx
    sub rax, r9
    mov r9, rax
    ret

check_clocks:
    cmp qword [timer_port], 0
    je .none
    ; TSC ticks a thousand of the timer's, over 10 and over 30 ms.
    mov ecx, 35795
    call wait_both
    mov rax, r9
    imul rax, 1000
    xor edx, edx
    div r8
    mov r12, rax
    mov ecx, 107386
    call wait_both
    mov rax, r9
    imul rax, 1000
    xor edx, edx
    div r8
    ; Within a quarter of each other, as the host may do something else in between.
    mov rcx, r12
    shr rcx, 2
    sub rax, r12
    add rax, rcx
    shl rcx, 1
    cmp rax, rcx
    check_flag "the TSC and the PM timer keep pace", be
    ; 20 ticks of the 8254 are 71,580 of the PM timer, or more where the machine was late.
    by_io_apic 2
    forget IO_APIC_VECTORS + 2
    await IO_APIC_VECTORS + 2, 1
    mov edx, [timer_port]
    in eax, dx
    mov r8d, eax
    await IO_APIC_VECTORS + 2, 21
    mov edx, [timer_port]
    in eax, dx
    sub eax, r8d
    and eax, 0xffffff
    mask_io_apic 2
    cmp eax, 64000
    check_flag "20 ms of the 8254 are no less by the PM timer", ae
    ret
.none:
    skip "the PM timer", "no PM timer in ACPI's tables"
    ret

; PCI's configuration space of bus 0.
check_pci:
    xor ebx, ebx                        ; how many devices differ by ECAM
    xor ebp, ebp                        ; the device
    xor r12d, r12d                      ; how many there are
.device:
    mov eax, ebp
    shl eax, 11
    or eax, 1 << 31
    mov dx, 0xcf8
    out dx, eax
    mov dx, 0xcfc
    in eax, dx
    cmp eax, -1
    je .nothing
    inc r12d
.nothing:
    mov rsi, [ecam]
    test rsi, rsi
    jz .no_ecam
    mov ecx, ebp
    shl ecx, 15
    cmp [rsi + rcx], eax
    je .no_ecam
    inc ebx
.no_ecam:
    inc ebp
    cmp ebp, 32
    jne .device
    cmp r12d, 2
    check_flag "there are PCI devices", ae
    mov eax, 1 << 31 | 8
    mov dx, 0xcf8
    out dx, eax
    mov dx, 0xcfc
    in eax, dx
    shr eax, 16
    check "the first of them is the host bridge", rax, 0x0600
    cmp qword [ecam], 0
    je .none
    check "ECAM and the ports tell the same devices", rbx, 0
    ret
.none:
    skip "ECAM", "no MCFG in ACPI's tables"
    ret
