// What those who write the record of seen clients and those who read it hold to.
export const trustRecordVersion = 1;
/** Longest text that is read as a record, in bytes. */
export const maxRecordBytes = 512 * 1024 * 1024;
