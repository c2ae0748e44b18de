/** Checks of a store's file, which no controller has open. Neighbours: ../../controller/store/examine.ts, disk.ts. */
import { StoreError } from '../../controller/store/error.ts'
import { examineFile } from '../../controller/store/examine.ts'
import { roomOf } from '../../controller/store/files.ts'
import { bad, type Check, ok, unknown } from './check.ts'
import { diskFinding } from './disk.ts'

export interface StoreFacts {
  readonly path: string
}

export const storeChecks: readonly Check<StoreFacts>[] = [
  {
    name: 'file of the store',
    looksAt:
      'every row, held against the chain of hashes; the first revision that cannot be trusted',
    async run({ path }) {
      try {
        return [ok(`${path} is whole, up to revision ${await examineFile(path)}`)]
      } catch (error) {
        if (!(error instanceof StoreError)) throw error
        return [refused(error)]
      }
    },
  },
  {
    name: 'disk of the store',
    looksAt: 'whether there is room for a copy of the store, and for more',
    run({ path }) {
      const { bytes, freeBytes } = roomOf(path)
      if (bytes === undefined || freeBytes === undefined) return [unknown('there is no such file')]
      return [diskFinding({ bytes, freeBytes })]
    },
  },
]

function refused(error: StoreError) {
  const { type, path, revision } = error
  if (type === 'disk_full')
    return unknown(`no room for a copy in ${path}: TMPDIR=DIRECTORY names another place for it`)
  if (type === 'locked')
    return bad(
      `${path} is in use`,
      'a controller runs on it, which answers `weft doctor` without --store',
    )
  if (type !== 'damaged') return bad(error.message, 'name the file that `weft serve --store` has')
  const seen =
    revision === undefined
      ? error.message
      : `${error.message}; revision ${revision} is the first that cannot be trusted`
  // A file that has no revision at all may be any file.
  const doubt = revision === undefined ? 'if this is the file of the store: ' : ''
  return bad(
    seen,
    `${doubt}weft restore BACKUP --store ${path} --force: the backup is verified first, and what is there is kept aside; what was changed after it has to be applied again`,
  )
}
