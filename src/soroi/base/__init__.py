"""The ground floor: errors, digests, reasons, durations, clock and ids. Pure; imports no other room."""
