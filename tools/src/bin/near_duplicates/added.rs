//! What services put around the stories of their articles.

/// Kinds of added text, six texts each. The first three of a kind chose the rule's figures; the
/// others measure it.
pub(crate) const ADDED: [(&str, [&str; 6]); 7] = [
    (
        "banner",
        [
            "Sign up for our morning newsletter and never miss a story.",
            "Follow us on social media and download the app for alerts.",
            "This website uses cookies to give you the best experience.",
            "For immediate release. Contact the press office for further information.",
            "Breaking news and live updates all day: turn on notifications now.",
            "Support independent journalism: become a member today from two pounds a week.",
        ],
    ),
    (
        "paywall",
        [
            "To continue reading this article, subscribe now or log in to your account. \
             Already a subscriber? Sign in here. Subscribers get unlimited digital access \
             to all stories, videos, podcasts and our archive, and support quality \
             journalism. Cancel at any time. Your first month is free, then 9.99 a month \
             until you cancel your subscription.",
            "This article is for subscribers only. You have reached your limit of free \
             articles this month. Create a free account or choose the plan that suits you: \
             monthly, yearly or print and digital. Offers for students and companies are \
             available. By subscribing you accept our terms of use and our privacy policy, \
             and agree to receive emails from us.",
            "Unlock this story with a trial. Get full access on your phone, tablet and \
             computer, daily briefings by our editors, expert comment, crosswords and \
             exclusive events. Have you subscribed in print? Activate your digital account \
             by entering your customer number. Questions? Call our customer service or \
             write to the help desk on working days.",
            "Thank you for visiting. The rest of this report is reserved for premium \
             members. Join more than one million readers who rely on our coverage every \
             day. Pay by card or invoice, switch plans whenever you like, share up to ten \
             articles as gifts and read without advertising. If you are a member, please \
             enter your password to proceed to the full text.",
            "Register to keep reading. It takes less than a minute and costs nothing: enter \
             your email address, pick a password and confirm the link that we send you. \
             Registered users can save stories, comment, follow topics and authors and set \
             up personal alerts. We never sell your data. Registration means that you agree \
             with the conditions of service.",
            "You can read two more articles before you need a pass. The day pass opens \
             everything for twenty four hours, the weekend pass brings the magazine and the \
             puzzles as well. Passes end by themselves and are not renewed. Vouchers can be \
             redeemed at checkout. Libraries and schools may ask for group passes through \
             the form at the bottom of the page.",
        ],
    ),
    (
        "notice",
        [
            "We and our partners store and access information on a device, such as cookies, \
             and process personal data, such as unique identifiers and standard information \
             sent by a device, for personalised advertising and content, advertising and \
             content measurement, audience research and services development. With your \
             permission we and our partners may use precise geolocation data and \
             identification through device scanning. You may click to consent to the \
             processing described above. Alternatively you may click to refuse to consent \
             or access more detailed information and change your preferences before \
             consenting. Please note that some processing of your personal data may not \
             require your consent, but you have a right to object to such processing. Your \
             preferences will apply to this website only. You can change your preferences \
             or withdraw your consent at any time by returning to this site and clicking \
             the button.",
            "Your browser is out of date or blocks scripts, so parts of this page cannot be \
             shown. Please enable scripts, disable any ad blocker and reload the page. \
             Advertising pays for the work of our reporters, photographers and editors, and \
             lets us offer most of what we publish without a charge. If you see this \
             message although no blocker is installed, the settings of your network or an \
             extension may be the reason: try another browser, or a private window, or ask \
             your administrator. Readers who prefer not to see advertising can choose the \
             ad free subscription, which can be ended at the close of every month and \
             includes the newsletter, the archive since the founding year, the mobile \
             edition and the electronic copy of the printed paper from nine in the evening \
             before the day that it is sold.",
            "All rights reserved. No part of this page may be reproduced, stored in a \
             retrieval system or transmitted in any form or by any means without the \
             written permission of the publisher. The opinions of guest authors are their \
             own and do not reflect those of the editors. Prices and stock quotes are \
             delayed by at least fifteen minutes and are meant for information, not for \
             trading. Corrections: if you find a mistake in our coverage, write to the \
             standards desk with the address of the page, the sentence in question and, \
             where you can, a source. Complaints that cannot be settled with us may be \
             taken to the press council, whose code we follow. Comments are moderated \
             during office hours and are closed after three days; insults, advertising and \
             claims without evidence are removed.",
            "This site is published by a foundation that belongs to its staff. It takes no \
             money from parties, churches or the state, and lives on the dues of its \
             members, who elect the board each spring. Whoever joins receives the yearly \
             report, a vote at the assembly and an invitation to the open house, where the \
             newsroom shows how an issue is made. Gifts are deductible where the law allows \
             it; a receipt is mailed in January. To join, fill in the form, choose an \
             amount and a rhythm of payment, and send it off; a welcome letter follows \
             within ten days. Members who move house, change banks or wish to leave can do \
             so online. Should you have trouble with the form, our volunteers are glad to \
             help by telephone from Tuesday to Friday, or in person at the shop on the \
             ground floor of the building.",
            "Help us to serve you better by taking part in a short survey about this page. \
             It has eight questions, takes about four minutes and asks for neither your \
             name nor your address. Among all who reply we draw fifty book tokens; \
             employees and their families may not take part. Answers are stored without a \
             link to your visit, analysed by an institute on our behalf and deleted after \
             six months. Would you rather tell us something in your own words? The box at \
             the end has room for a thousand characters, and every single entry is read. If \
             the survey does not open, allow pop up windows for this page, or take the \
             printed sheet that lies in our branches. Earlier results, and what we changed \
             because of them, are listed on the page about us, together with the names of \
             the committee.",
            "Listening mode reads this page aloud. Choose a voice and a speed with the \
             wheel, skip forward with the arrows and stop with the space bar. The player \
             keeps your place for thirty days on this device. Text size, contrast and line \
             spacing can be set in the menu with the figure, and large print can be ordered \
             from the shop. Pictures carry a description, charts a table; where one is \
             missing, please tell the accessibility desk, which replies on the next working \
             day. Pages in plain language appear twice a week and are marked with a green \
             leaf. Sign language films are made for elections and emergencies. We test \
             every new feature with people who use screen readers, and publish what failed \
             together with the date by which it should be mended. Certificates are listed \
             at the end of the page.",
        ],
    ),
    (
        "dateline",
        [
            "PORT SARNO, Nov 23 (Reuters) -",
            "NEW HALDEN (AP) --",
            "Brackwater, 4 March 2026 /PRNewswire/ --",
            "LONDON, June 9 (AFP) -",
            "ST. AUBREY, Minn. (Tribune News Service) --",
            "Kelvar City, Monday:",
        ],
    ),
    (
        "byline",
        [
            "By Jane Doe, Staff Writer",
            "By PETER HALVORSEN and ANA LIMA",
            "Maria Okafor, Political Correspondent",
            "By The Associated Press",
            "From our correspondent in Vellamo, Tomas Reik",
            "Written by Lucy Marsh for The Evening Ledger",
        ],
    ),
    (
        "credit",
        [
            "(Reporting by Jane Doe; editing by John Smith)",
            "(Reporting by Carla Brandt in Berlin and Tom Ode in Lagos; Editing by Mark \
             Hale)",
            "The Associated Press writer Ed Novak contributed to this report.",
            "(Additional reporting by Ines Pardo and Wei Zhang; Editing by Rosa Kent and \
             Paul Iwu)",
            "Our correspondents Amir Sadeghi and Nora Lind also reported on this story from \
             Geneva.",
            "Edited by: Hugh Farrow. With material from agencies.",
        ],
    ),
    (
        "copyright",
        [
            "Copyright 2026 The Associated Press. All rights reserved.",
            "© 2026 Halden Media Group. This material may not be published, broadcast, \
             rewritten or redistributed without permission.",
            "(c) Thomson Reuters 2026. Click for restrictions.",
            "Copyright © 2026, The Evening Ledger. Distributed by Tribune Content Agency, \
             LLC.",
            "© Agence France-Presse. Reproduction prohibited.",
            "Copyright 2026 Vellamo Times Ltd. No part of this text may be copied or passed \
             on in any form. All rights reserved worldwide.",
        ],
    ),
];
