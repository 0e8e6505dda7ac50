/** What a person would do on a provider's consent page. */
export interface ConsentChoice {
  account: string;
  decision: 'allow' | 'deny';
  /** Scopes to leave ticked; unset: all of them. */
  keepScopes?: readonly string[];
}

export interface CallbackAnswer {
  status: number;
  body: Record<string, unknown>;
}

const unescapeHtml = (text: string): string =>
  text
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');

const attribute = (tag: string, name: string): string =>
  unescapeHtml(new RegExp(`${name}="([^"]*)"`).exec(tag)?.[1] ?? '');

/**
 * Walks the real OAuth flow like a browser: opens the consent page, sends its form, follows the redirect to the
 * product's callback and returns the callback's JSON answer.
 */
export async function consent(authorizationUrl: string, choice: ConsentChoice): Promise<CallbackAnswer> {
  const page = await fetch(authorizationUrl);
  const html = await page.text();
  if (!page.ok) throw new Error(`the consent page answered ${page.status}: ${html.slice(0, 200)}`);
  const action = new URL(attribute(/<form[^>]*>/.exec(html)?.[0] ?? '', 'action'), authorizationUrl);
  const form = new URLSearchParams();
  for (const [tag] of html.matchAll(/<input[^>]*type="hidden"[^>]*>/g))
    form.append(attribute(tag, 'name'), attribute(tag, 'value'));
  for (const [tag] of html.matchAll(/<input[^>]*type="checkbox"[^>]*>/g)) {
    const scope = attribute(tag, 'value');
    if (choice.keepScopes?.includes(scope) ?? true) form.append('scope', scope);
  }
  form.append('account', choice.account);
  form.append('decision', choice.decision);
  const redirect = await fetch(action, { method: 'POST', body: form, redirect: 'manual' });
  const location = redirect.headers.get('location');
  if (!location)
    throw new Error(
      `the consent form answered ${redirect.status} without a redirect: ${await redirect.text()}`,
    );
  const callback = await fetch(location, { headers: { accept: 'application/json' }, redirect: 'manual' });
  return { status: callback.status, body: (await callback.json()) as Record<string, unknown> };
}
