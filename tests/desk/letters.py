"""Forty letters as they come: people, template fillings, repeats, two addresses of one person, German, HTML, broken ones."""

import shutil
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

TEMPLATE = (
    "Dear Sir or Madam,\n\nmy name is {name} and I am writing to make a subject access request under Article 15 of the GDPR. "
    "Please send me a copy of all personal data you hold, its sources and its recipients, within one month of this letter. "
    "My customer number is {number}. You may also write to help@askthem.example.\n\nYours faithfully\n{name}\n"
)
OUTLOOK = Path(__file__).parents[1] / "request/mails/outlook.msg"


def mail(folder, number, sender, text, *, subject="Request", day="17", html=False, attached=None, message_id=None):
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = sender, "privacy@quill.example", subject
    message["Date"] = f"Mon, {day} Nov 2026 23:30:00 +0000"
    message["Message-ID"] = message_id or f"<{number}@example.org>"
    message.set_content(text, subtype="html" if html else "plain")
    if attached:
        message.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename=attached)
    (folder / f"{number:02}.eml").write_bytes(message.as_bytes())


def forty(folder):
    """Write forty files into the folder."""
    people = [f"Person{chr(65 + n)} Muster" for n in range(20)]
    for n, name in enumerate(people, start=1):  # 1 to 20: one template, filled in by twenty people
        mail(folder, n, f"{name} <p{n}@example.org>", TEMPLATE.format(name=name, number=1000 + n))
    for n in range(21, 26):  # 21 to 25: the same words from five people, each a request
        mail(folder, n, f"delete{n}@example.org", "Please delete my data.")
    mail(folder, 26, "Persona Muster <p1@example.org>", TEMPLATE.format(name=people[0], number=1001), message_id="<1@example.org>")  # 1 once more
    mail(folder, 27, "p2@example.org", TEMPLATE.format(name=people[1], number=1002), message_id="<other@example.org>")  # 2 once more, re-sent
    mail(folder, 28, "Ola Nord <ola@example.org>", "Bitte löschen Sie meine Daten und senden Sie mir eine Auskunft nach Art. 15 DSGVO.", day="18")
    mail(folder, 29, "Ola Nord <ola.nord@work.example>", "I wrote from ola@example.org before; please also delete what you hold under this address.")
    mail(folder, 30, "Kai Lund <kai@example.org>", "<html><head><style>p{}</style></head><p>I object to your <b>marketing</b>.</p></html>", html=True)
    mail(folder, 31, "Uma Ray <uma@example.org>", "I withdraw my consent. Please also correct my name, it is misspelt.")
    mail(folder, 32, "Vic Sand <vic@example.org>", "Please give me my data in a machine-readable format, and restrict what you do with it.")
    mail(folder, 33, "Wim Tor <wim@example.org>", "Thank you for the lamp, it is lovely.")
    mail(folder, 34, "Xia Um <xia@example.org>", "See the letter attached.", attached="letter.pdf")
    mail(folder, 35, "Yon Va <yon@example.org>", "I complain about your answer of October.")
    mail(folder, 36, "Zed Wo <zed@example.org>", "Please delete my data\n\n> what data do you hold on me\n")
    shutil.copy(OUTLOOK, folder / "37.msg")
    (folder / "38.msg").write_bytes(b"not an Outlook file")
    (folder / "39.pdf").write_bytes(b"%PDF-1.4")
    (folder / "40.eml").write_bytes(b"no header\n")
    return folder
