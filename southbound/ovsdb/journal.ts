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
import { OvsdbError, ovsdbError } from './error.ts'
import { formatJson, parseJson } from './json.ts'

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
  // One file, one lock, by whatever name; and a rewriting renames over the file, not over a link to it.
  const file = fs.existsSync(path) ? fs.realpathSync(path) : path
  const unlock = lockFile(file)
  try {
    fs.rmSync(temporary(file), { force: true })
    return open(file, onRecord, unlock)
  } catch (error) {
    unlock()
    throw error instanceof OvsdbError ? error : failure(path, error)
  }
}

/** The first line of a journal, open elsewhere or not; undefined: it has none yet. */
export function firstRecord(path: string): unknown {
  let first: unknown
  let found = false
  readAll(path, (record) => {
    if (!found) first = record
    found = true
  })
  return first
}

function open(path: string, onRecord: (record: unknown) => void, unlock: () => void): Journal {
  let size = fs.existsSync(path) ? readAll(path, onRecord) : 0
  let fd = -1
  /** Why nothing may be added any more. */
  let broken: unknown
  let closed = false
  const take = (next: number, written: number, unsynced: unknown) => {
    if (fd >= 0) fs.closeSync(fd)
    fd = next
    size = written
    broken = unsynced
  }
  if (size === 0) replaceFile(path, [], take)
  else {
    fd = fs.openSync(path, 'r+')
    fs.ftruncateSync(fd, size)
  }

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
      replaceFile(path, records, take)
    } catch (error) {
      throw error instanceof OvsdbError ? error : failure(path, error)
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
  return { record: parseJson(text.toString('utf8')), end: end + 1 }
}

function lineOf(record: unknown): Buffer {
  const text = Buffer.from(formatJson(record))
  return Buffer.concat([Buffer.from(`${checksum(text)} `), text, Buffer.from('\n')])
}

function checksum(text: Uint8Array): string {
  return crc32(text).toString(16).padStart(DIGITS, '0')
}

const temporary = (path: string) => `${path}.new`

/**
 * A new file under the name. `onReplaced` gets it, open, as soon as it has the name, and what kept
 * the name from the disk, if anything did. Throws where the old file stays.
 */
function replaceFile(
  path: string,
  records: Iterable<unknown>,
  onReplaced: (fd: number, size: number, unsynced: unknown) => void,
): void {
  const directory = fs.openSync(dirname(path), 'r')
  let fd = -1
  let size = 0
  try {
    fd = fs.openSync(temporary(path), 'w+', 0o600)
    const write = (bytes: Buffer) => {
      fs.writeFileSync(fd, bytes)
      size += bytes.length
    }
    write(HEADER)
    for (const record of records) write(lineOf(record))
    fs.fsyncSync(fd)
    fs.renameSync(temporary(path), path)
  } catch (error) {
    fs.closeSync(directory)
    if (fd >= 0) fs.closeSync(fd)
    // On a full disk its half is what others need.
    fs.rmSync(temporary(path), { force: true })
    throw error
  }
  let unsynced: unknown
  try {
    fs.fsyncSync(directory)
  } catch (error) {
    unsynced = error
  }
  fs.closeSync(directory)
  onReplaced(fd, size, unsynced)
}

/** Node has no file locks of its own; SQLite's are the kernel's, and nothing is ever written. */
function lockFile(path: string): () => void {
  let lock: DatabaseSync
  try {
    lock = new DatabaseSync(`${path}.lock`)
  } catch (cause) {
    throw ovsdbError('I/O error', `${path}.lock: ${(cause as Error).message}`, cause)
  }
  try {
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (cause) {
    lock.close()
    throw ovsdbError('I/O error', `${path} is in use, by this process or another`, cause)
  }
  return () => lock.close()
}

function failure(path: string, cause: unknown): OvsdbError {
  return ovsdbError('I/O error', `${path}: ${(cause as Error).message}`, cause)
}
