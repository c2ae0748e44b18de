/** Schemas that make sense and that do not, one detail each: ovsdb-tool and parseSchema take the same ones. */
const schema = (column: object, table: object = {}, top: object = {}): object => ({
  name: 'T',
  version: '1.0.0',
  tables: { A: { columns: { a: column }, ...table } },
  ...top,
})
const typed = (type: unknown) => schema({ type })
const key = (base: object) => typed({ key: base })
const plain = { type: 'string' }

export const schemas: Readonly<Record<string, object>> = {
  'a plain one': schema(plain),
  'no version': { name: 'T', tables: { A: { columns: { a: plain } } } },
  'no tables': { name: 'T', version: '1.0.0', tables: {} },
  'another member': schema(plain, {}, { x: 1 }),
  'a comment': schema(plain, {}, { _comment: 'x' }),
  'a cksum that is a number': schema(plain, {}, { cksum: 1 }),
  'another member of a table': schema(plain, { x: 1 }),
  'another member of a column': schema({ ...plain, x: 1 }),
  'another member of a type': typed({ key: 'string', x: 1 }),
  'another member of a base type': key({ type: 'string', x: 1 }),
  'ephemeral, by a number': schema({ ...plain, ephemeral: 1 }),
  'mutable, by a word': schema({ ...plain, mutable: 'no' }),
  'listed integers with a minimum': key({ type: 'integer', minInteger: 0, enum: ['set', [1]] }),
  'listed strings with a length': key({ type: 'string', maxLength: 3, enum: 'x' }),
  'listed strings alone': key({ type: 'string', enum: ['set', ['x', 'y']] }),
  'nothing listed': key({ type: 'integer', enum: ['set', []] }),
  'a string with a minimum': key({ type: 'string', minInteger: 3 }),
  'an integer with the minimum of a real': key({ type: 'integer', minReal: 3 }),
  'a minimum over the maximum': key({ type: 'integer', minInteger: 3, maxInteger: 2 }),
  'a length over the longest': key({ type: 'string', minLength: 3, maxLength: 2 }),
  'half a minimum': key({ type: 'integer', minInteger: 1.5 }),
  'a whole minimum of a real': key({ type: 'real', minReal: 3 }),
  'less than no length': key({ type: 'string', minLength: -1 }),
  'an integer that refers': key({ type: 'integer', refTable: 'A' }),
  'a reference to a number': key({ type: 'uuid', refTable: 4 }),
  'a reference to no table': key({ type: 'uuid', refTable: 'Nope' }),
  'weak without a table': key({ type: 'uuid', refType: 'weak' }),
  'neither strong nor weak': key({ type: 'uuid', refTable: 'A', refType: 'odd' }),
  'no key': typed({ min: 0 }),
  'half a maximum': typed({ key: 'integer', max: 1.5 }),
  'a maximum of none': typed({ key: 'integer', max: 0 }),
  'half a row': schema(plain, { maxRows: 1.5 }),
  'many rows': schema(plain, { maxRows: 2 ** 40 }),
  'an index twice over a column': schema(plain, { indexes: [['a', 'a']] }),
  'an index over nothing': schema(plain, { indexes: [[]] }),
  'an index over uuids': schema(plain, { indexes: [['_uuid']] }),
  'an index over what is not kept': schema({ ...plain, ephemeral: true }, { indexes: [['a']] }),
}

/** Of those. */
export const good: ReadonlySet<string> = new Set([
  'a plain one',
  'no version',
  'no tables',
  'listed strings alone',
  'a whole minimum of a real',
  'many rows',
  'an index over uuids',
])
