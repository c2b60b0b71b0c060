// The DSDT (ACPI 6.4, section 5.2.11.1): the machine's devices that a guest cannot find by itself. dsdt.ts holds it compiled.
DefinitionBlock ("", "DSDT", 2, "BASALT", "BASALTPC", 1)
{
    // Soft off: the sleep type that PM1 control takes (section 7.4.2).
    Name (\_S5, Package () {5, 0, 0, 0})

    Scope (\_SB)
    {
        // The processor of the MADT's local APIC.
        Device (C000)
        {
            Name (_HID, "ACPI0007")
            Name (_UID, 0)
        }

        Device (PCI0)
        {
            Name (_HID, EisaId ("PNP0A08"))
            Name (_CID, EisaId ("PNP0A03"))
            Name (_UID, 0)
            Name (_SEG, 0)
            Name (_BBN, 0)

            Name (_CRS, ResourceTemplate ()
            {
                WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
                    0, 0, 0, 0, 1)
                // The configuration ports, with the reset register among them.
                IO (Decode16, 0x0CF8, 0x0CF8, 1, 8)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
                    0, 0x0000, 0x0CF7, 0, 0x0CF8)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
                    0, 0x0D00, 0xFFFF, 0, 0xF300)
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                    0, 0xC0000000, 0xDFFFFFFF, 0, 0x20000000)
            })

            // Firmware uses nothing of PCI Express, so that the operating system gets whatever it asks for.
            Method (_OSC, 4, NotSerialized)
            {
                CreateDWordField (Arg3, 0, CDW1)
                If (LNotEqual (Arg0, ToUUID ("33DB4D5B-1FF7-401C-9657-7441C03DD766")))
                {
                    Or (CDW1, 4, CDW1)
                }
                ElseIf (LNotEqual (Arg1, 1))
                {
                    Or (CDW1, 8, CDW1)
                }

                Return (Arg3)
            }

            // INTA# to INTD# of device n: GSI 16 to 19, by (n + pin) modulo 4.
            Name (_PRT, Package ()
            {
            Package () {0x0000FFFF, 0, 0, 16}, Package () {0x0000FFFF, 1, 0, 17}, Package () {0x0000FFFF, 2, 0, 18}, Package () {0x0000FFFF, 3, 0, 19},
            Package () {0x0001FFFF, 0, 0, 17}, Package () {0x0001FFFF, 1, 0, 18}, Package () {0x0001FFFF, 2, 0, 19}, Package () {0x0001FFFF, 3, 0, 16},
            Package () {0x0002FFFF, 0, 0, 18}, Package () {0x0002FFFF, 1, 0, 19}, Package () {0x0002FFFF, 2, 0, 16}, Package () {0x0002FFFF, 3, 0, 17},
            Package () {0x0003FFFF, 0, 0, 19}, Package () {0x0003FFFF, 1, 0, 16}, Package () {0x0003FFFF, 2, 0, 17}, Package () {0x0003FFFF, 3, 0, 18},
            Package () {0x0004FFFF, 0, 0, 16}, Package () {0x0004FFFF, 1, 0, 17}, Package () {0x0004FFFF, 2, 0, 18}, Package () {0x0004FFFF, 3, 0, 19},
            Package () {0x0005FFFF, 0, 0, 17}, Package () {0x0005FFFF, 1, 0, 18}, Package () {0x0005FFFF, 2, 0, 19}, Package () {0x0005FFFF, 3, 0, 16},
            Package () {0x0006FFFF, 0, 0, 18}, Package () {0x0006FFFF, 1, 0, 19}, Package () {0x0006FFFF, 2, 0, 16}, Package () {0x0006FFFF, 3, 0, 17},
            Package () {0x0007FFFF, 0, 0, 19}, Package () {0x0007FFFF, 1, 0, 16}, Package () {0x0007FFFF, 2, 0, 17}, Package () {0x0007FFFF, 3, 0, 18},
            Package () {0x0008FFFF, 0, 0, 16}, Package () {0x0008FFFF, 1, 0, 17}, Package () {0x0008FFFF, 2, 0, 18}, Package () {0x0008FFFF, 3, 0, 19},
            Package () {0x0009FFFF, 0, 0, 17}, Package () {0x0009FFFF, 1, 0, 18}, Package () {0x0009FFFF, 2, 0, 19}, Package () {0x0009FFFF, 3, 0, 16},
            Package () {0x000AFFFF, 0, 0, 18}, Package () {0x000AFFFF, 1, 0, 19}, Package () {0x000AFFFF, 2, 0, 16}, Package () {0x000AFFFF, 3, 0, 17},
            Package () {0x000BFFFF, 0, 0, 19}, Package () {0x000BFFFF, 1, 0, 16}, Package () {0x000BFFFF, 2, 0, 17}, Package () {0x000BFFFF, 3, 0, 18},
            Package () {0x000CFFFF, 0, 0, 16}, Package () {0x000CFFFF, 1, 0, 17}, Package () {0x000CFFFF, 2, 0, 18}, Package () {0x000CFFFF, 3, 0, 19},
            Package () {0x000DFFFF, 0, 0, 17}, Package () {0x000DFFFF, 1, 0, 18}, Package () {0x000DFFFF, 2, 0, 19}, Package () {0x000DFFFF, 3, 0, 16},
            Package () {0x000EFFFF, 0, 0, 18}, Package () {0x000EFFFF, 1, 0, 19}, Package () {0x000EFFFF, 2, 0, 16}, Package () {0x000EFFFF, 3, 0, 17},
            Package () {0x000FFFFF, 0, 0, 19}, Package () {0x000FFFFF, 1, 0, 16}, Package () {0x000FFFFF, 2, 0, 17}, Package () {0x000FFFFF, 3, 0, 18},
            Package () {0x0010FFFF, 0, 0, 16}, Package () {0x0010FFFF, 1, 0, 17}, Package () {0x0010FFFF, 2, 0, 18}, Package () {0x0010FFFF, 3, 0, 19},
            Package () {0x0011FFFF, 0, 0, 17}, Package () {0x0011FFFF, 1, 0, 18}, Package () {0x0011FFFF, 2, 0, 19}, Package () {0x0011FFFF, 3, 0, 16},
            Package () {0x0012FFFF, 0, 0, 18}, Package () {0x0012FFFF, 1, 0, 19}, Package () {0x0012FFFF, 2, 0, 16}, Package () {0x0012FFFF, 3, 0, 17},
            Package () {0x0013FFFF, 0, 0, 19}, Package () {0x0013FFFF, 1, 0, 16}, Package () {0x0013FFFF, 2, 0, 17}, Package () {0x0013FFFF, 3, 0, 18},
            Package () {0x0014FFFF, 0, 0, 16}, Package () {0x0014FFFF, 1, 0, 17}, Package () {0x0014FFFF, 2, 0, 18}, Package () {0x0014FFFF, 3, 0, 19},
            Package () {0x0015FFFF, 0, 0, 17}, Package () {0x0015FFFF, 1, 0, 18}, Package () {0x0015FFFF, 2, 0, 19}, Package () {0x0015FFFF, 3, 0, 16},
            Package () {0x0016FFFF, 0, 0, 18}, Package () {0x0016FFFF, 1, 0, 19}, Package () {0x0016FFFF, 2, 0, 16}, Package () {0x0016FFFF, 3, 0, 17},
            Package () {0x0017FFFF, 0, 0, 19}, Package () {0x0017FFFF, 1, 0, 16}, Package () {0x0017FFFF, 2, 0, 17}, Package () {0x0017FFFF, 3, 0, 18},
            Package () {0x0018FFFF, 0, 0, 16}, Package () {0x0018FFFF, 1, 0, 17}, Package () {0x0018FFFF, 2, 0, 18}, Package () {0x0018FFFF, 3, 0, 19},
            Package () {0x0019FFFF, 0, 0, 17}, Package () {0x0019FFFF, 1, 0, 18}, Package () {0x0019FFFF, 2, 0, 19}, Package () {0x0019FFFF, 3, 0, 16},
            Package () {0x001AFFFF, 0, 0, 18}, Package () {0x001AFFFF, 1, 0, 19}, Package () {0x001AFFFF, 2, 0, 16}, Package () {0x001AFFFF, 3, 0, 17},
            Package () {0x001BFFFF, 0, 0, 19}, Package () {0x001BFFFF, 1, 0, 16}, Package () {0x001BFFFF, 2, 0, 17}, Package () {0x001BFFFF, 3, 0, 18},
            Package () {0x001CFFFF, 0, 0, 16}, Package () {0x001CFFFF, 1, 0, 17}, Package () {0x001CFFFF, 2, 0, 18}, Package () {0x001CFFFF, 3, 0, 19},
            Package () {0x001DFFFF, 0, 0, 17}, Package () {0x001DFFFF, 1, 0, 18}, Package () {0x001DFFFF, 2, 0, 19}, Package () {0x001DFFFF, 3, 0, 16},
            Package () {0x001EFFFF, 0, 0, 18}, Package () {0x001EFFFF, 1, 0, 19}, Package () {0x001EFFFF, 2, 0, 16}, Package () {0x001EFFFF, 3, 0, 17},
            Package () {0x001FFFFF, 0, 0, 19}, Package () {0x001FFFFF, 1, 0, 16}, Package () {0x001FFFFF, 2, 0, 17}, Package () {0x001FFFFF, 3, 0, 18}
            })
        }

        // What is neither found on a bus nor a device with a driver.
        Device (MBRD)
        {
            Name (_HID, EisaId ("PNP0C02"))
            Name (_UID, 0)
            Name (_CRS, ResourceTemplate ()
            {
                // The edge/level control registers of the interrupt controllers.
                IO (Decode16, 0x04D0, 0x04D0, 1, 2)
                // The PM1 and PM timer registers.
                IO (Decode16, 0x0600, 0x0600, 1, 0x0C)
                // Configuration space of bus 0, as the MCFG says.
                Memory32Fixed (ReadWrite, 0xE0000000, 0x00100000)
            })
        }

        Device (PIC)
        {
            Name (_HID, EisaId ("PNP0000"))
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x0020, 0x0020, 1, 2)
                IO (Decode16, 0x00A0, 0x00A0, 1, 2)
                IRQNoFlags () {2}
            })
        }

        Device (TIMR)
        {
            Name (_HID, EisaId ("PNP0100"))
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x0040, 0x0040, 1, 4)
                IRQNoFlags () {0}
            })
        }

        Device (RTC)
        {
            Name (_HID, EisaId ("PNP0B00"))
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x0070, 0x0070, 1, 2)
                IRQNoFlags () {8}
            })
        }

        Device (COM1)
        {
            Name (_HID, EisaId ("PNP0501"))
            Name (_UID, 1)
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x03F8, 0x03F8, 1, 8)
                IRQNoFlags () {4}
            })
        }
    }
}
