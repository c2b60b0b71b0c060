; External interrupts, their shadows and priorities, NMIs and IRET; by the local APIC, and by the 8259 and the 8254.

%include "lib/guest.inc"

LOCAL_APIC equ 0xfee00000
APIC_ID equ 0x20
APIC_EOI equ 0xb0
APIC_SPURIOUS equ 0xf0
APIC_IN_SERVICE equ 0x100               ; eight registers of 32 vectors each, 16 bytes apart
APIC_REQUESTED equ 0x200
APIC_COMMAND equ 0x300
APIC_COMMAND_HIGH equ 0x310
APIC_TIMER equ 0x320
APIC_TIMER_INITIAL equ 0x380
APIC_TIMER_DIVIDE equ 0x3e0
APIC_ENABLED equ 0x1ff
COMMAND_SELF equ 1 << 18
COMMAND_NMI equ 4 << 8

LOW_VECTOR equ 0x41
HIGH_VECTOR equ 0x61

PIC_COMMAND equ 0x20
PIC_DATA equ 0x21
PIC2_DATA equ 0xa1
PIT_CHANNEL0 equ 0x40
PIT_MODE equ 0x43
PIC_VECTOR equ 0x70

%macro gate 2
    mov edi, %1
    mov edx, %2
    xor eax, eax
    call set_gate
%endmacro

; Asks the local APIC for an interrupt of vector %1 to this processor.
%macro send_self 1
    mov edi, LOCAL_APIC
    mov dword [rdi + APIC_COMMAND], COMMAND_SELF | %1
%endmacro

%macro forget_interrupts 0
    mov dword [seen.low], 0
    mov dword [seen.high], 0
    mov dword [seen.order], 0
%endmacro

section .data
    align 8
seen:
.rip:   dq 0            ; where the last interrupt came
.flags: dq 0            ; RFLAGS in its handler
.low:   dd 0            ; how many of each
.high:  dd 0
.order: dd 0            ; the low bytes of the vectors in order
.nmis:  dd 0
.depth: dd 0
.most:  dd 0            ; how many NMIs ran in each other
section .text

main:
    ; The firmware's timer may be running.
    mov al, 0xff
    out PIC_DATA, al
    out PIC2_DATA, al
    call check_iret
    mov eax, 1
    cpuid
    bt edx, 9
    jnc .no_apic
    call check_with_apic
    call check_nmis
    jmp .pic
.no_apic:
    skip "interrupts by the local APIC", "no local APIC"
    skip "NMIs", "no local APIC"
.pic:
    mov al, 0xa5
    out PIC_DATA, al
    in al, PIC_DATA
    cmp al, 0xa5
    jne .no_pic
    jmp check_with_pic
.no_pic:
    skip "interrupts by the 8259", "no 8259"
    ret

; SDM 2A, IRET; SDM 3A 6.8.1
check_iret:
    gate 0x80, .handler
    int 0x80
    check_flag "INT n works with IF clear, and CF comes back by IRET", c
    mov rsi, rsp
    try
    push SELECTOR_DATA
    push rsi
    push RFLAGS_FIXED | RFLAGS_NT
    popfq
    push RFLAGS_FIXED
    push SELECTOR_CODE64
    push .nested
    expect_here
    iretq
.nested:
    ud2
    caught
    check_exception "IRET with NT in long mode", GP, 0
    push SELECTOR_DATA
    push rsi
    push RFLAGS_FIXED | RFLAGS_CF | RFLAGS_OF
    push SELECTOR_CODE64
    push .flags
    iretq
.flags:
    pushfq
    pop rax
    and eax, RFLAGS_CF | RFLAGS_OF | RFLAGS_ZF
    check "IRET loads RFLAGS", rax, RFLAGS_CF | RFLAGS_OF
    ret
.handler:
    or dword [rsp + 16], RFLAGS_CF
    iretq

low_handler:
    inc dword [seen.low]
    push LOW_VECTOR
    jmp note_interrupt
high_handler:
    inc dword [seen.high]
    push HIGH_VECTOR

; Keeps what the frame says, below the vector on the stack, ends the interrupt at the local APIC and returns from it.
note_interrupt:
    push rax
    push rdi
    mov rax, [rsp + 24]
    mov [seen.rip], rax
    pushfq
    pop rax
    mov [seen.flags], rax
    mov eax, [seen.order]
    shl eax, 8
    or al, [rsp + 16]
    mov [seen.order], eax
    mov edi, LOCAL_APIC
    mov dword [rdi + APIC_EOI], 0
    pop rdi
    pop rax
    add rsp, 8
    iretq

; SDM 3A 6.8.1, 11.6, 11.8; SDM 2B, STI
check_with_apic:
    mov edi, LOCAL_APIC
    mov dword [rdi + APIC_SPURIOUS], APIC_ENABLED
    gate LOW_VECTOR, low_handler
    gate HIGH_VECTOR, high_handler

    forget_interrupts
    send_self LOW_VECTOR
    mov eax, [rdi + APIC_REQUESTED + (LOW_VECTOR / 32) * 16]
    shr eax, LOW_VECTOR % 32
    and eax, 1
    check "an interrupt waits in the local APIC while IF is clear", rax, 1
    xor ebx, ebx
    sti
    inc ebx
.behind_sti:
    cli
    check "an interrupt comes one instruction behind STI", qword [seen.rip], .behind_sti
    mov rsi, [seen.flags]
    and esi, RFLAGS_IF
    check "IF is clear in the handler", rsi, 0
    mov eax, [rdi + APIC_IN_SERVICE + (LOW_VECTOR / 32) * 16]
    check "the end of the interrupt clears it in service", rax, 0

    forget_interrupts
    send_self LOW_VECTOR
    sti
    cli
    mov eax, [seen.low]
    check "between STI and CLI there is no place for an interrupt", rax, 0
    push RFLAGS_FIXED | RFLAGS_IF
    popfq
.behind_popf:
    cli
    check "an interrupt comes at once behind POPF", qword [seen.rip], .behind_popf

    forget_interrupts
    send_self LOW_VECTOR
    sti
    hlt
.behind_hlt:
    cli
    check "an interrupt that waits wakes HLT behind STI", qword [seen.rip], .behind_hlt

    ; STI as the last instruction before CPUID, which exits.
    forget_interrupts
    send_self LOW_VECTOR
    sti
    cpuid
.behind_cpuid:
    cli
    check "CPUID in the shadow of STI comes before the interrupt", qword [seen.rip], .behind_cpuid

    ; Two shadows, one behind the other, end.
    forget_interrupts
    mov ecx, SELECTOR_DATA
    send_self LOW_VECTOR
    sti
    mov ss, ecx
    inc ebx
    inc ebx
    cli
    mov eax, [seen.low]
    check "an interrupt comes behind STI and MOV to SS", rax, 1

    forget_interrupts
    send_self LOW_VECTOR
    send_self HIGH_VECTOR
    sti
    nop
    nop
    cli
    mov eax, [seen.order]
    check "the higher vector comes first", rax, HIGH_VECTOR << 8 | LOW_VECTOR

    forget_interrupts
    mov eax, LOW_VECTOR >> 4
    mov cr8, rax
    send_self LOW_VECTOR
    sti
    nop
    nop
    cli
    mov eax, [seen.low]
    check "CR8 holds back an interrupt of its class", rax, 0
    mov eax, (LOW_VECTOR >> 4) - 1
    mov cr8, rax
    sti
    nop
    nop
    cli
    mov eax, [seen.low]
    check "CR8 of a lower class lets it come", rax, 1
    xor eax, eax
    mov cr8, rax

    forget_interrupts
    mov byte [idt64 + LOW_VECTOR * GATE_SIZE + 5], 0xef
    send_self LOW_VECTOR
    sti
    nop
    cli
    mov rsi, [seen.flags]
    and esi, RFLAGS_IF
    check "a trap gate leaves IF set", rsi, RFLAGS_IF
    mov byte [idt64 + LOW_VECTOR * GATE_SIZE + 5], 0xee

    ; At level 3 an interrupt comes by the stack of the TSS.
    forget_interrupts
    send_self LOW_VECTOR
    try
    push SELECTOR_USER_DATA
    push user_stack_top
    push RFLAGS_FIXED | RFLAGS_IF
    push SELECTOR_USER_CODE64
    push .user
    iretq
.user:
    ud2
    caught
    check "an interrupt that waits comes before the first instruction at level 3", qword [seen.rip], .user

    forget_interrupts
    mov edi, LOCAL_APIC
    mov dword [rdi + APIC_TIMER_DIVIDE], 0xb
    mov dword [rdi + APIC_TIMER], LOW_VECTOR
    mov dword [rdi + APIC_TIMER_INITIAL], 1000
    sti
    hlt
    cli
    mov eax, [seen.low]
    check "the timer of the local APIC wakes HLT", rax, 1
    mov dword [rdi + APIC_TIMER], 1 << 16
    ret

; Sends an NMI to this processor: by its ID, as a shorthand takes none.
send_nmi:
    push rax
    push rdi
    mov edi, LOCAL_APIC
    mov eax, [rdi + APIC_ID]
    mov [rdi + APIC_COMMAND_HIGH], eax
    mov dword [rdi + APIC_COMMAND], COMMAND_NMI
    pop rdi
    pop rax
    ret

; SDM 3A 6.7
check_nmis:
    gate VECTOR_NMI, .count
    call send_nmi
    nop
    mov eax, [seen.nmis]
    check "an NMI comes while IF is clear", rax, 1
    gate VECTOR_NMI, .send_another
    mov dword [seen.nmis], 0
    mov dword [seen.most], 0
    call send_nmi
    nop
    nop
    mov eax, [seen.nmis]
    check "an NMI during the handler of one comes afterwards", rax, 2
    mov eax, [seen.most]
    check "it waits for IRET", rax, 1
    gate 0x80, .return
    gate VECTOR_NMI, .send_and_return
    mov dword [seen.nmis], 0
    mov dword [seen.most], 0
    call send_nmi
    nop
    nop
    mov eax, [seen.most]
    check "any IRET in the handler lets the next NMI come", rax, 2
    gate VECTOR_NMI, .count
    mov dword [seen.nmis], 0
    call send_nmi
    nop
    mov eax, [seen.nmis]
    check "NMIs come again behind the last IRET", rax, 1
    ret
.count:
    inc dword [seen.nmis]
.return:
    iretq
.send_another:
    call .enter
    cmp dword [seen.nmis], 2
    je .leave
    call send_nmi
    nop
    nop
.leave:
    dec dword [seen.depth]
    iretq
.send_and_return:
    call .enter
    cmp dword [seen.nmis], 2
    je .leave
    call send_nmi
    int 0x80
    nop
    nop
    jmp .leave
.enter:
    push rax
    inc dword [seen.nmis]
    inc dword [seen.depth]
    mov eax, [seen.depth]
    cmp eax, [seen.most]
    jbe .entered
    mov [seen.most], eax
.entered:
    pop rax
    ret

; The 8259 at vectors 70H to 77H, and the 8254's channel 0 at its line 0.
check_with_pic:
    gate PIC_VECTOR, .handler
    mov al, 0x11
    out PIC_COMMAND, al
    mov al, PIC_VECTOR
    out PIC_DATA, al
    mov al, 4
    out PIC_DATA, al
    mov al, 1
    out PIC_DATA, al
    mov al, 0xfe
    out PIC_DATA, al
    mov dword [seen.low], 0
    mov al, 0x30
    out PIT_MODE, al
    mov al, 0
    out PIT_CHANNEL0, al
    mov al, 8
    out PIT_CHANNEL0, al
    sti
    hlt
.behind:
    cli
    mov eax, [seen.low]
    check "the 8254 wakes HLT through the 8259", rax, 1
    check "the interrupt came behind HLT", qword [seen.rip], .behind
    mov al, 0xff
    out PIC_DATA, al
    ret
.handler:
    push rax
    inc dword [seen.low]
    mov rax, [rsp + 8]
    mov [seen.rip], rax
    mov al, 0x20
    out PIC_COMMAND, al
    pop rax
    iretq
