"""The web console in a browser, for tests and for scripts/screenshots: goes to pages, waits for what they show."""
import json

from lib.pace import WAIT_S


class Console:
    def __init__(self, browser, url, address=None):
        """address: instead of /console/, such as one with a login code."""
        self.page, self.url = browser.page(address or url + "/console/"), url
        self.ready_ms = int(self.until("document.documentElement.dataset.ready"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.page.close()

    def run(self, script):
        return self.page.run(script)

    def until(self, script, timeout_s=WAIT_S):
        """Until the expression is true; gives its value. The page looks at itself again whenever something of it has changed, and at times."""
        found = self.run(f"""new Promise(resolve => {{
            const look = () => {{ let value; try {{ value = {script}; }} catch {{ }} if (value) {{ done(); resolve(value instanceof Node ? true : value); }} }};
            const done = () => {{ observer.disconnect(); clearInterval(timer); clearTimeout(end); }};
            const observer = new MutationObserver(look), timer = setInterval(look, 100), end = setTimeout(() => {{ done(); resolve(null); }}, {timeout_s * 1000});
            observer.observe(document, {{subtree: true, childList: true, attributes: true, characterData: true}});
            look();
        }})""")
        assert found, f"not true in {timeout_s} s: {script}\n{self.text()[:3000]}\n{self.page.listen()}"
        return found

    def text(self, selector="body"):
        return self.run(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")

    def says(self, text, selector="body"):
        return self.until(f"document.querySelector({json.dumps(selector)})?.innerText.includes({json.dumps(text)})")

    def go(self, where):
        self.run(f"location.hash = {json.dumps('#' + where)}")

    def reload(self):
        self.page.reload()
        self.until("document.documentElement.dataset.ready")

    def type(self, selector, text):
        """As a person would have: the field hears of it."""
        self.until(f"document.querySelector({json.dumps(selector)})")
        self.run(f"""(() => {{ const field = document.querySelector({json.dumps(selector)}); field.focus(); field.value = {json.dumps(text)};
            field.dispatchEvent(new Event("input", {{bubbles: true}})); field.dispatchEvent(new Event("change", {{bubbles: true}})); }})()""")

    def press(self, text, selector="button"):
        """The button that says so, once it may be pressed."""
        which = f"[...document.querySelectorAll({json.dumps(selector)})].find(one => one.innerText.trim() === {json.dumps(text)} && !one.disabled)"
        self.until(which + " !== undefined")
        self.run(which + ".click()")

    def key(self, key):
        code = {"Escape": 27, "Tab": 9, "Enter": 13}.get(key, 0)  # what the browser itself does, such as closing a dialog, hangs on it
        self.page.do("Input.dispatchKeyEvent", type="keyDown", key=key, text=key if len(key) == 1 else "", windowsVirtualKeyCode=code)
        self.page.do("Input.dispatchKeyEvent", type="keyUp", key=key)

    def hold(self, end):
        """The next answer from an address that ends so comes to the page when it is released: the gateway is faster than what follows."""
        self.run(f"""(() => {{ const real = window.fetch, held = window.held = {{real}}; window.fetch = async (...all) => {{
            const answer = await real(...all), json = answer.json.bind(answer);
            if (held.release || !String(all[0]).endsWith({json.dumps(end)})) return answer;
            await new Promise(done => {{ held.release = done; }});
            answer.json = async () => {{ const value = await json(); held.read = true; return value; }};
            return answer; }}; }})()""")

    def release(self):
        """The answer, now that others have overtaken it; gives what the page has made of it."""
        self.until("!!window.held.release")
        self.run("window.held.release()")
        self.until("window.held.read")
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        self.run("(() => { window.fetch = window.held.real; })()")

    def login(self, key):
        self.type("input[name=key]", key)
        self.press("Log in")
        self.until("document.querySelector('header.top')")
        return self

    def clean(self):
        """Nothing went wrong in it so far, and it asked nobody else."""
        assert self.page.listen() == [], self.page.complaints
        host = self.url.split("://")[1]
        strange = [one for one in self.page.asked if not one.startswith((f"http://{host}/", f"ws://{host}/", "blob:", "data:"))]
        assert not strange and self.page.asked, strange
        return self
