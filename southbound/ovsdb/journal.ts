/**
 * A file of checksummed lines that only grows, and that ends in order whenever the process ends.
 *
 *   weft-ovsdb-journal 1
 *   <CRC-32 of the text, 8 hexadecimal digits> <JSON text>
 *
 * What a kill leaves behind is a last line that is not whole: it was never answered, and is cut off
 * when the file is opened again. A bad line with good ones behind it is no kill but damage, and is
 * refused. Rewriting makes a new file beside this one and renames it into place. One process at a
 * time: a lock on `<path>.lock`, which the kernel drops with the process.
 *
 * Neighbour: journal-storage.ts gives the lines their meaning.
 */
import { Buffer } from 'node:buffer'
import fs from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import { type OvsdbError, ovsdbError } from './error.ts'

const HEADER = Buffer.from('weft-ovsdb-journal 1\n')
const NEWLINE = 0x0a
const DIGITS = 8

export interface Journal {
  /** Bytes of the file. */
  readonly size: number
  /**
   * Adds one line; when it returns the line survives the process, with `durable` the machine. Throws
   * OvsdbError 'I/O error' and adds nothing.
   */
  append(record: unknown, durable: boolean): void
  /** Puts these lines, durably, in place of all; throws OvsdbError and leaves the file as it was. */
  replace(records: Iterable<unknown>): void
  close(): void
}

/**
 * Opens or creates; calls `onRecord` for each line. Throws OvsdbError 'I/O error' when the file is
 * damaged, no journal, or in use.
 */
export function openJournal(path: string, onRecord: (record: unknown) => void): Journal {
  const unlock = lockFile(path)
  try {
    fs.rmSync(temporary(path), { force: true })
    return open(path, onRecord, unlock)
  } catch (error) {
    unlock()
    throw error
  }
}

function open(path: string, onRecord: (record: unknown) => void, unlock: () => void): Journal {
  let size = fs.existsSync(path) ? readAll(path, onRecord) : 0
  if (size === 0) {
    writeWhole(path, [])
    size = HEADER.length
  }
  let fd = fs.openSync(path, 'r+')
  fs.ftruncateSync(fd, size)
  let broken: unknown
  let closed = false

  function append(record: unknown, durable: boolean): void {
    if (closed) throw ovsdbError('I/O error', `${path} is closed`)
    if (broken) throw failure(path, broken)
    const line = lineOf(record)
    try {
      for (let done = 0; done < line.length; ) {
        done += fs.writeSync(fd, line, done, line.length - done, size + done)
      }
      if (durable) fs.fdatasyncSync(fd)
    } catch (error) {
      try {
        fs.ftruncateSync(fd, size)
      } catch (cause) {
        broken = cause // what is behind `size` may be read again: nothing may follow it
      }
      throw failure(path, error)
    }
    size += line.length
  }

  function replace(records: Iterable<unknown>): void {
    if (closed) throw ovsdbError('I/O error', `${path} is closed`)
    try {
      const written = writeWhole(path, records)
      const next = fs.openSync(path, 'r+')
      fs.closeSync(fd)
      fd = next
      size = written
      broken = undefined
    } catch (error) {
      throw failure(path, error)
    }
  }

  return {
    get size() {
      return size
    },
    append,
    replace,
    close() {
      if (closed) return
      closed = true
      fs.closeSync(fd)
      unlock()
    },
  }
}

/** Returns how many bytes are in order; 0 when even the header never became whole. */
function readAll(path: string, onRecord: (record: unknown) => void): number {
  const bytes = fs.readFileSync(path)
  if (!bytes.subarray(0, HEADER.length).equals(HEADER)) {
    if (HEADER.subarray(0, bytes.length).equals(bytes)) return 0
    throw ovsdbError('I/O error', `${path} is no journal of a database`)
  }
  let at = HEADER.length
  for (let line = lineAt(bytes, at); line; line = lineAt(bytes, at)) {
    onRecord(line.record)
    at = line.end
  }
  for (
    let next = bytes.indexOf(NEWLINE, at) + 1;
    next > 0;
    next = bytes.indexOf(NEWLINE, next) + 1
  ) {
    if (!lineAt(bytes, next)) continue
    throw ovsdbError('I/O error', `${path} is damaged at byte ${at}, before good lines`)
  }
  return at
}

/** Undefined: no whole line with the checksum that it says. */
function lineAt(bytes: Buffer, at: number): { record: unknown; end: number } | undefined {
  const end = bytes.indexOf(NEWLINE, at)
  if (end < 0) return undefined
  const text = bytes.subarray(at + DIGITS + 1, end)
  if (bytes.toString('latin1', at, at + DIGITS + 1) !== `${checksum(text)} `) return undefined
  return { record: JSON.parse(text.toString('utf8')), end: end + 1 }
}

function lineOf(record: unknown): Buffer {
  const text = Buffer.from(JSON.stringify(record))
  return Buffer.concat([Buffer.from(`${checksum(text)} `), text, Buffer.from('\n')])
}

function checksum(text: Uint8Array): string {
  return crc32(text).toString(16).padStart(DIGITS, '0')
}

const temporary = (path: string) => `${path}.new`

/** A new file under the name, on the disk with its name when this returns; how long it is. */
function writeWhole(path: string, records: Iterable<unknown>): number {
  let size = 0
  const fd = fs.openSync(temporary(path), 'w', 0o600)
  try {
    const write = (bytes: Buffer) => {
      fs.writeFileSync(fd, bytes)
      size += bytes.length
    }
    write(HEADER)
    for (const record of records) write(lineOf(record))
    fs.fsyncSync(fd)
  } finally {
    fs.closeSync(fd)
  }
  fs.renameSync(temporary(path), path)
  const directory = fs.openSync(dirname(path), 'r')
  try {
    fs.fsyncSync(directory)
  } finally {
    fs.closeSync(directory)
  }
  return size
}

/** Node has no file locks of its own; SQLite's are the kernel's, and nothing is ever written. */
function lockFile(path: string): () => void {
  const lock = new DatabaseSync(`${path}.lock`)
  try {
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (cause) {
    lock.close()
    throw ovsdbError('I/O error', `${path} is in use by another process`, cause)
  }
  return () => lock.close()
}

function failure(path: string, cause: unknown): OvsdbError {
  return ovsdbError('I/O error', `${path}: ${(cause as Error).message}`, cause)
}
