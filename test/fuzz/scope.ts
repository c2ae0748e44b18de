/**
 * What of the source is a decoder: whole files, without the functions that are none. A new function in
 * one of these files is counted unless a row here says otherwise. Neighbours: branches.ts counts,
 * unreached.ts has the branches that no input reaches.
 */
import { readdirSync } from 'node:fs'
import type { Branch } from './branches.ts'

export interface Scope {
  readonly files: readonly string[]
  /** Functions that read no input, by their path `outer>inner`, and the reason. */
  readonly without: readonly (readonly [path: RegExp, reason: string])[]
}

/** Functions of these names, with all that is in them. */
const all = (names: string) => new RegExp(`(^|>)(${names})(>|$)`)
/** What these do themselves; functions in them are counted. */
const only = (names: string) => new RegExp(`(^|>)(${names})$`)

const inFolder = (folder: string, is: (name: string) => boolean) =>
  readdirSync(new URL(`../../${folder}`, import.meta.url))
    .filter((name) => name.endsWith('.ts') && is(name.slice(0, -3)))
    .map((name) => `${folder}/${name}`)
const named = (folder: string, names: string) =>
  names.split(' ').map((name) => `${folder}/${name}.ts`)

/** Of southbound/openflow: the life of connections, which test/southbound/openflow has. */
const connections = new Set(
  'answer bundle connection hello inbox intake keepalive listen monitor outbox pending reassembly reconnect roles'.split(
    ' ',
  ),
)

export const scopes: Readonly<Record<string, Scope>> = {
  openflow: {
    files: [
      ...inFolder(
        'southbound/openflow',
        (name) => !name.startsWith('text') && !connections.has(name) && name !== 'frame-tuple',
      ),
      'southbound/wire/record.ts',
      'southbound/wire/sequence.ts',
    ],
    without: [
      [
        all(
          'write\\w*|encode\\w*|pack\\w*|set\\w*|wholeWords|masked|knownField|refuse|missing|isOrdered',
        ),
        'encoders',
      ],
      [
        all('flowMod|deleteFlows|groupMod|moveField|dropBand|allFlows|everything|errorNumber'),
        'make values to be sent',
      ],
      [all('ConnectionError'), 'no answer of a peer'],
      [/^map\[0\]$/, 'run once, by the tables'],
      [all('flowKey|sameFlow|sameBytes|latin1'), 'compare flows'],
      [
        only('record|record>forEach\\[0\\]|list|tlvs|sequence|behind|complete'),
        'run once, by the tables',
      ],
    ],
  },
  text: {
    files: inFolder('southbound/openflow', (name) => name.startsWith('text')),
    without: [
      [
        all(
          'format\\w*|row\\[1\\]|number\\[[24]\\]|encode|spoken|says|orHex|whole|wordOf|prefixOf',
        ),
        'printers',
      ],
    ],
  },
  ovsdb: {
    files: named(
      'southbound/ovsdb',
      'framer json json-rpc session server-monitor atom codec row-codec schema-json condition mutation difference transaction transaction-operation replica-store change-reader',
    ),
    without: [
      [all('encode\\w*|format\\w*|valueDifference|explained|tooLong|show'), 'encoders'],
      [
        all(
          'JsonRpc>(constructor|request|receive|close|open|onProbe|congested|onEnd|send|queuedBytes|resolveClosed|isOpen|progress|#?tellQueued|#?guard)',
        ),
        'the life of a connection: test/southbound/ovsdb',
      ],
      [
        all('openSession>(onLock|isChangeAware|close|drop|tell|retry|guarded|heldBytes)'),
        'the life of a session',
      ],
      [all('equalSets|equalMaps|replicaStore>index|tableCodec'), 'compare rows, find columns'],
    ],
  },
  frames: {
    files: [
      'dataplane/packet/flow-key.ts',
      'dataplane/tunnel/vxlan.ts',
      'southbound/openflow/frame-tuple.ts',
      'southbound/wire/checksum.ts',
    ],
    without: [
      [all('formatTuple'), 'a printer'],
      [all('outerHeaders|encapsulate'), 'writes a tunnel'],
      [all('flowHash'), 'reads a key, not a frame'],
      [all('updateChecksum'), 'changes a checksum'],
    ],
  },
}

export const isCounted = ({ functions }: Branch, { without }: Scope): boolean =>
  !without.some(([path]) => path.test(functions.join('>')))
