; Reads 4 KiB from a virtio disk again and again, by a chain of three descriptors, with event indices, MSI-X and x2APIC. Prints
; the average of the ticks from notification to interrupt. "reads=N" in the command line says how often.

bits 32

EXIT_PORT equ 0xf4
COM1 equ 0x3f8
CODE equ 0x08
VECTOR equ 0x50

PCI_ADDRESS equ 0xcf8
PCI_DATA equ 0xcfc
PCI_COMMAND equ 0x04
PCI_BAR equ 0x10
PCI_CAPABILITIES equ 0x34
PCI_DECODES equ 7
CAPABILITY_VENDOR equ 0x09
CAPABILITY_MSIX equ 0x11
MSIX_ENABLE equ 0x80000000
VIRTIO_BLOCK equ 0x10421af4

IA32_APIC_BASE equ 0x1b
APIC_IS_X2 equ 0xc00
X2APIC_EOI equ 0x80b
X2APIC_SPURIOUS equ 0x80f

; The common configuration (virtio 1.2, 4.1.4.3).
DRIVER_FEATURE_SELECT equ 0x08
DRIVER_FEATURE equ 0x0c
DEVICE_STATUS equ 0x14
QUEUE_SELECT equ 0x16
QUEUE_SIZE equ 0x18
QUEUE_VECTOR equ 0x1a
QUEUE_ENABLE equ 0x1c
QUEUE_DESCRIPTORS equ 0x20
QUEUE_DRIVER equ 0x28
QUEUE_DEVICE equ 0x30
ACKNOWLEDGED equ 1
HAS_DRIVER equ 2
DRIVER_OK equ 4
FEATURES_OK equ 8
EVENT_INDEX equ 1 << 29
VERSION_1 equ 1

ENTRIES equ 16
HAS_NEXT equ 1
IS_WRITABLE equ 2

section .text
align 4
header:
    dd 0x1badb002, 3, -(0x1badb002 + 3)

global start
start:
    mov esp, stack_top
    call read_command_line
    lgdt [gdt_pointer]
    jmp CODE:.loaded
.loaded:
    mov eax, on_interrupt
    mov edi, idt + VECTOR * 8
    mov [edi], ax
    mov word [edi + 2], CODE
    mov word [edi + 4], 0x8e00
    shr eax, 16
    mov [edi + 6], ax
    lidt [idt_pointer]
    mov ecx, IA32_APIC_BASE
    rdmsr
    or eax, APIC_IS_X2
    wrmsr
    mov ecx, X2APIC_SPURIOUS
    rdmsr
    or eax, 0x100
    wrmsr
    call find_disk
    call start_disk
    sti
    mov edi, 16                 ; what is done the first time is no part of it
.warm:
    call read_once
    dec edi
    jnz .warm
    mov dword [ticks], 0
    mov edi, [reads]
.again:
    call read_once
    dec edi
    jnz .again
    mov eax, [ticks]
    xor edx, edx
    div dword [reads]
    call print_decimal
    xor eax, eax
    out EXIT_PORT, eax

; Reads the number behind the first "=".
read_command_line:
    mov esi, [ebx + 16]
.find:
    lodsb
    test al, al
    jz .end
    cmp al, '='
    jne .find
    xor ecx, ecx
.digit:
    movzx eax, byte [esi]
    inc esi
    sub al, '0'
    cmp al, 9
    ja .found
    imul ecx, 10
    add ecx, eax
    jmp .digit
.found:
    mov [reads], ecx
.end:
    ret

; Reads register AL of the disk's configuration space, or of another function with its address in EBP.
pci_read:
    movzx eax, al
    or eax, ebp
    mov dx, PCI_ADDRESS
    out dx, eax
    mov dx, PCI_DATA
    in eax, dx
    ret

; Sets EBP to the disk's function, the notification's port, and where its structures lie in memory.
find_disk:
    mov ebp, 0x80000000
.next:
    add ebp, 1 << 11
    mov al, 0
    call pci_read
    cmp eax, VIRTIO_BLOCK
    jne .next
    mov al, PCI_COMMAND
    call pci_read
    mov eax, PCI_DECODES
    out dx, eax
    mov al, PCI_CAPABILITIES
    call pci_read
    movzx ebx, al
.capability:
    mov al, bl
    call pci_read
    mov ecx, eax
    cmp cl, CAPABILITY_MSIX
    je .msix
    cmp cl, CAPABILITY_VENDOR
    jne .behind
    call structure
    shr ecx, 24
    cmp cl, 1
    jne .not_common
    mov [configuration], eax
.not_common:
    cmp cl, 2
    jne .behind2
    mov [notification], eax
    jmp .behind2
.msix:
    or eax, MSIX_ENABLE
    out dx, eax
    lea eax, [ebx + 4]
    call pci_read
    mov esi, eax
    and esi, ~7
    and al, 7
    shl al, 2
    add al, PCI_BAR
    call pci_read
    and eax, ~15
    add esi, eax
    mov dword [esi + 16], 0xfee00000    ; the message of vector 1
    mov dword [esi + 20], 0
    mov dword [esi + 24], VECTOR
    mov dword [esi + 28], 0
.behind2:
.behind:
    mov al, bl
    call pci_read
    movzx ebx, ah
    test ebx, ebx
    jnz .capability
    ret

; Where the structure of the capability EBX lies: EAX. Keeps ECX.
structure:
    lea eax, [ebx + 8]
    call pci_read
    mov esi, eax
    lea eax, [ebx + 4]
    call pci_read
    shl al, 2
    add al, PCI_BAR
    call pci_read
    and eax, ~3
    add eax, esi
    ret

start_disk:
    mov ebx, [configuration]
    mov byte [ebx + DEVICE_STATUS], 0
    mov byte [ebx + DEVICE_STATUS], ACKNOWLEDGED | HAS_DRIVER
    mov dword [ebx + DRIVER_FEATURE_SELECT], 0
    mov dword [ebx + DRIVER_FEATURE], EVENT_INDEX
    mov dword [ebx + DRIVER_FEATURE_SELECT], 1
    mov dword [ebx + DRIVER_FEATURE], VERSION_1
    mov byte [ebx + DEVICE_STATUS], ACKNOWLEDGED | HAS_DRIVER | FEATURES_OK
    mov word [ebx + QUEUE_SELECT], 0
    mov word [ebx + QUEUE_SIZE], ENTRIES
    mov word [ebx + QUEUE_VECTOR], 1
    mov dword [ebx + QUEUE_DESCRIPTORS], descriptors
    mov dword [ebx + QUEUE_DESCRIPTORS + 4], 0
    mov dword [ebx + QUEUE_DRIVER], available
    mov dword [ebx + QUEUE_DRIVER + 4], 0
    mov dword [ebx + QUEUE_DEVICE], used
    mov dword [ebx + QUEUE_DEVICE + 4], 0
    mov word [ebx + QUEUE_ENABLE], 1
    mov byte [ebx + DEVICE_STATUS], ACKNOWLEDGED | HAS_DRIVER | FEATURES_OK | DRIVER_OK
    ret

; One read, whose ticks are added to `ticks`. Ends the VM if it went wrong.
read_once:
    mov byte [status], 0xff
    inc word [available + 2]
    mov dx, [notification]
    rdtsc
    mov esi, eax
    mov edx, [notification]
    xor eax, eax
    out dx, ax
.wait:
    cmp esi, 0                  ; the handler clears it
    jne .wait
    mov ax, [used + 2]
    mov [available + 4 + 2 * ENTRIES], ax
    cmp ax, [available + 2]
    jne .wrong
    cmp byte [status], 0
    jne .wrong
    ret
.wrong:
    mov eax, 1
    out EXIT_PORT, eax

on_interrupt:
    rdtsc
    sub eax, esi
    add [ticks], eax
    xor esi, esi
    mov ecx, X2APIC_EOI
    xor eax, eax
    xor edx, edx
    wrmsr
    iretd

; Prints "a read takes EAX ticks".
print_decimal:
    mov ecx, 10
    mov edi, digits_end
.next:
    xor edx, edx
    div ecx
    add dl, '0'
    dec edi
    mov [edi], dl
    test eax, eax
    jnz .next
    mov esi, text
    call print
    mov esi, edi
    call print
    mov esi, line_end
print:
    mov dx, COM1
.next:
    lodsb
    test al, al
    jz .end
    out dx, al
    jmp .next
.end:
    ret

section .data
align 16
gdt:
    dq 0
    dq 0x00cf9a000000ffff
gdt_pointer:
    dw gdt_pointer - gdt - 1
    dd gdt
idt_pointer:
    dw (VECTOR + 1) * 8 - 1
    dd idt
reads: dd 1000
text: db "a read takes ", 0
line_end: db " ticks", 13, 10, 0
digits: times 10 db 0
digits_end: db 0

align 16
descriptors:
    dd request, 0, 16
    dw HAS_NEXT, 1
    dd contents, 0, 4096
    dw HAS_NEXT | IS_WRITABLE, 2
    dd status, 0, 1
    dw IS_WRITABLE, 0
    times (ENTRIES - 3) * 16 db 0
available: times 4 + 2 * ENTRIES + 2 db 0
align 4, db 0
used: times 4 + 8 * ENTRIES + 2 db 0
align 16, db 0
request: dd 0, 0, 8, 0          ; VIRTIO_BLK_T_IN of the sector 8

section .bss
alignb 4096
contents: resb 4096
status: resb 1
alignb 8
configuration: resd 1
notification: resd 1
ticks: resd 1
idt: resq VECTOR + 1
alignb 16
stack: resb 4096
stack_top:
