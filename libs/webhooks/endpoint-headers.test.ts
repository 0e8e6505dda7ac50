import { endpointHeadersSchema } from './endpoint-headers';

const messages = (headers: unknown): string[] =>
  endpointHeadersSchema.safeParse(headers).error?.issues.map((issue) => issue.message) ?? [];

test('ordinary headers are kept as they are', () => {
  const headers = {
    Authorization: 'Bearer a.b-c=',
    'X-Api-Key': 'k',
    'X-Tenant': "two words\tand a 'tab'",
    "!#$%&'*+-.^_`|~9": '1',
    'X-Max': 'x'.repeat(2048),
  };
  expect(endpointHeadersSchema.parse(headers)).toEqual(headers);
  expect(messages({})).toEqual([]);
});

test.each([
  ...['Connection', 'Keep-Alive', 'Proxy-Authorization', 'proxy-connection', 'TE', 'Trailer'],
  ...['Transfer-Encoding', 'Upgrade', 'HTTP2-Settings', 'HOST', 'Content-Length', 'content-type'],
  ...[
    'Content-Encoding',
    'Expect',
    'User-Agent',
    'webhook-id',
    'Webhook-Signature',
    'WebHook-Request-Origin',
  ],
  ...[
    'X-DietTracker-Signature',
    'x-diettracker-anything',
    'Forwarded',
    'X-Forwarded-For',
    'x-real-ip',
    'Via',
  ],
  ...['Cookie', 'Set-Cookie', 'Metadata-Flavor', 'Metadata', 'X-aws-ec2-metadata-token'],
])('%s is refused by name', (name) => {
  expect(messages({ [name]: 'x' })).toEqual([expect.stringMatching(`^The header "${name}" .+\\.$`)]);
});

test.each(['', 'X Y', 'X:Y', 'X\r\nHost', 'Ü', 'X\u0000', '(x)', 'x"y'])('%j is no header name', (name) => {
  expect(messages({ [name]: 'x' })).toEqual([expect.stringContaining('is not a header name')]);
});

test.each(['', ' ', ' x', 'x ', 'x\r\nHost: evil', 'a\nb', 'naïve', '\u0000', 'x\u007f', '😀'])(
  'the value %j is refused and not quoted',
  (value) => {
    const [message, ...rest] = messages({ 'X-A': value });
    expect(rest).toEqual([]);
    expect(message).toMatch(/^The header "X-A" has a value that is empty, .+ visible ASCII\.$/);
  },
);

test('names do not differ by case', () => {
  expect(messages({ 'X-A': '1', 'x-a': '2' })).toEqual([
    'The header "x-a" stands twice: names do not differ by case.',
  ]);
});

test('number and sizes are bounded', () => {
  const some = (count: number, value: string) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, value]));
  expect(messages(some(20, 'v'))).toEqual([]);
  expect(messages(some(21, 'v'))).toEqual(['holds 21 headers; 20 are allowed']);
  expect(messages({ 'x-a': 'v'.repeat(2049) })).toEqual([expect.stringContaining('more than 2048')]);
  expect(messages(some(4, 'v'.repeat(2045)))).toEqual([]);
  expect(messages(some(4, 'v'.repeat(2046)))).toEqual([expect.stringContaining('8192 are allowed')]);
});

test.each([null, [], 'x', { 'x-a': 1 }, { 'x-a': null }, { 'x-a': ['1'] }])('%j is refused', (value) => {
  expect(endpointHeadersSchema.safeParse(value).success).toBe(false);
});
