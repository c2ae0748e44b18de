/**
 * Groups as text: `group_id=1,type=select,bucket=weight:10,actions=output:1,bucket=…`, the syntax of
 * ovs-ofctl's add-group and dump-groups. Neighbours: group.ts (the same as bytes), text-action.ts.
 */
import {
  ANY_GROUP,
  type Bucket,
  decodeBuckets,
  type encodeGroup,
  type GroupBytes,
  groupType,
} from './group.ts'
import { ANY } from './port.ts'
import { formatActions, parseActionList } from './text-action.ts'
import { wordOf } from './text-row.ts'
import {
  fail,
  isEmpty,
  itemsBefore,
  nameOf,
  parseUint,
  type Span,
  spanOf,
  textOf,
  trimStart,
} from './text-span.ts'
import { formatPort, parsePort } from './text-value.ts'

/** A group as values; what encodeGroup takes. */
export interface Group {
  readonly group_id: number
  /** groupType */
  readonly group_type: number
  readonly buckets: readonly Bucket[]
}

const names: Readonly<Record<string, number>> = { ...groupType, fast_failover: groupType.ff }

function formatBucket({ weight, watch_port, watch_group, actions }: Bucket, type: number): string {
  // ovs-ofctl takes a bucket of type select without a weight to have the weight 1.
  const weighted = weight !== 0 || type === groupType.select
  return [
    'bucket=',
    weighted ? `weight:${weight},` : '',
    watch_port === ANY ? '' : `watch_port:${formatPort(watch_port)},`,
    watch_group === ANY_GROUP ? '' : `watch_group:${watch_group},`,
    `actions=${formatActions(actions) || 'drop'}`,
  ].join('')
}

/** @throws {WireError} for bytes that are no buckets */
export function formatGroup(group: GroupBytes | Parameters<typeof encodeGroup>[0]): string {
  const { group_id, group_type } = group
  const buckets =
    group.buckets instanceof Uint8Array ? decodeBuckets(group.buckets) : group.buckets.map(whole)
  const head = `group_id=${group_id},type=${wordOf(groupType, group_type) ?? group_type}`
  return [head, ...buckets.map((bucket) => formatBucket(bucket, group_type))].join(',')
}
const whole = (entry: Parameters<typeof encodeGroup>[0]['buckets'][number]): Bucket =>
  'actions' in entry
    ? entry
    : { weight: 0, watch_port: ANY, watch_group: ANY_GROUP, actions: entry }

/** Where each `bucket=` begins, parentheses being skipped. */
function bucketSpans(span: Span): Span[] {
  const { source, to } = span
  const starts: number[] = []
  let depth = 0
  // Its id comes first.
  for (let at = span.from + 1; at < to; at++) {
    if (source[at] === '(') depth++
    if (source[at] === ')') depth--
    if (depth === 0 && source.startsWith('bucket=', at) && /[,\s]/.test(source[at - 1] as string)) {
      starts.push(at)
    }
  }
  return starts.map((start, i) =>
    trimStart({
      source,
      from: start + 'bucket='.length,
      to: trimComma(source, starts[i + 1] ?? to),
    }),
  )
}
function trimComma(source: string, to: number): number {
  while (/[,\s]/.test(source[to - 1] as string)) to--
  return to
}

function parseBucket(span: Span, type: number): Bucket {
  if (isEmpty(span)) fail(span, 'actions (actions=drop for none)')
  const out = {
    weight: type === groupType.select ? 1 : 0,
    watch_port: ANY,
    watch_group: ANY_GROUP,
  }
  const { items, rest } = itemsBefore(span, /^actions?[=:]/)
  let actions: Span | undefined = rest
  for (const item of items) {
    const name = nameOf(item)
    if (name === 'weight') out.weight = parseUint(item.value, 16)
    else if (name === 'watch_port') out.watch_port = parsePort(item.value)
    else if (name === 'watch_group') out.watch_group = parseUint(item.value, 32)
    else if (name !== 'bucket_id') {
      // Actions may stand there without actions=.
      if (rest) fail(item.name, 'weight, watch_port, watch_group or actions')
      actions = { source: span.source, from: item.whole.from, to: span.to }
      break
    }
  }
  return {
    ...out,
    actions: actions && !isEmpty(trimStart(actions)) ? parseActionList(actions) : [],
  }
}

/** @throws {TextError} with the position and what would be right */
export function parseGroup(text: string): Group {
  const span = spanOf(text)
  const at = text.search(/(?<=^|[,\s])bucket=/)
  const { items } = itemsBefore(at < 0 ? span : { ...span, to: at })
  let group_id: number | undefined
  let group_type: number | undefined
  for (const item of items) {
    const name = nameOf(item)
    if (name === 'group_id') group_id = parseUint(item.value, 32)
    else if (name === 'type') {
      const word = textOf(item.value)
      if (/^\d/.test(word)) group_type = parseUint(item.value, 8)
      else group_type = names[word] ?? fail(item.value, `one of ${Object.keys(names).join(', ')}`)
    } else fail(item.name, 'group_id, type or bucket')
  }
  if (group_id === undefined) return fail(span, 'group_id=NUMBER')
  if (group_type === undefined) return fail(span, `type=${Object.keys(names).join('|')}`)
  const type = group_type
  const buckets = bucketSpans(span).map((one) => parseBucket(one, type))
  return { group_id, group_type, buckets }
}
